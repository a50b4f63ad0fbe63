#ifndef CTR_COPY_H
#define CTR_COPY_H

#include <stddef.h>

/* Copy everything in a directory into another one, with reflinks where they are to be had. 0 or -errno. */
int copy_tree(int from, int to, char *culprit, size_t room);

#endif
