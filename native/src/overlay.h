/* The operation `overlay`'s arguments, for op_overlay.c and overlay_old.c. */
#ifndef CTR_OVERLAY_H
#define CTR_OVERLAY_H

#include "mounting.h"

struct overlay {
  const char *target; /* empty: attached nowhere */
  char **lower;       /* topmost first */
  unsigned lowers;
  const char *upper, *work; /* empty: read-only */
  uint64_t attr;
  char **options;
  unsigned noptions;
};

/* Mount it by mount(2); the mount's root as a descriptor, detached if there is no target. */
int overlay_old(struct run *run, const struct overlay *o);

#endif
