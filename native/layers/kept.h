/* kept.c: whether a layer of the store is whole. */
#ifndef CTR_KEPT_H
#define CTR_KEPT_H

#include <stdbool.h>


/* Whether a layer of the store is there, and all of it has come to the disk or is still in memory. */
bool layer_is_whole(const char *place);
/* Say that it is, of one that is not yet in its place. 0 or -errno. */
int layer_made_whole(const char *place);
/* Have those on the disk for good that have been there for a while. */
void layers_make_durable(const char *const *places, unsigned n);

#endif
