/* names.c: a set of paths. */
#ifndef CTR_NAMES_H
#define CTR_NAMES_H

#include <stdbool.h>
#include <stddef.h>


struct names {
  char **slots;
  size_t used, room;
};
bool names_has(const struct names *names, const char *path);
/* True if it is new. */
bool names_add(struct names *names, const char *path);
void names_free(struct names *names);

#endif
