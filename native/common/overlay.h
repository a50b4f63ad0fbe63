/* An overlay (overlayfs.rst), by the newer mount calls or by mount(2). */
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

/* Mount it; the mount's root as a descriptor. -errno, with words (words.h). */
int overlay_mount(char *words, const struct overlay *o);
/* The same by mount(2); the mount's root as a descriptor, detached if there is no target. */
int overlay_old(char *words, const struct overlay *o);

#endif
