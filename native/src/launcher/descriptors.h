/* What no command is given. */
#ifndef CTR_DESCRIPTORS_H
#define CTR_DESCRIPTORS_H

#include "run.h"

/* close(2) for this descriptor and all above it. System calls alone. */
void close_from(int first);
/* The same for all from `first` to `last`; for none where that is before. */
void close_between(int first, int last);
/*
 * close(2) for all above 2 but these (-1 among them is none) and what this process speaks to the
 * others and to its log by. Of those, too, a directory that is close-on-exec, or with
 * `directories` any directory, is closed.
 */
void close_others(struct run *run, const int64_t *keep, unsigned count, bool directories);

/* 0, or -EXDEV where the working directory lies outside of our root. */
int directory_inside(void);

/* A descriptor that a file keeps for itself from step to step stands at this place; it becomes -1 when others are closed. */
void note_descriptor(int *place);

#endif
