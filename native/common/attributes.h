/* What a file has beside its content: owner, mode, times, extended attributes. */
#ifndef CTR_ATTRIBUTES_H
#define CTR_ATTRIBUTES_H

#include <stdbool.h>
#include <sys/stat.h>

/* Whether an attribute is a union file system's own mark, and not the tree's. */
bool own_mark(const char *name);
/* Give one name all that another has, but for such marks. 0 or -errno. */
int copy_attributes_at(int from, const char *from_name, int to, const char *to_name, const struct stat *st);
/* The same of one directory to another. */
int copy_attributes(int from, int to);

#endif
