/* walk.c: a path inside a root, component by component, where openat2(2) cannot do it. */
#ifndef CTR_WALK_H
#define CTR_WALK_H

#include "path.h"

#include <limits.h>

/* What open_inside does, without openat2. */
int walk_open(int root, const char *path, int flags);
/*
 * Open `path` inside `root` (O_PATH), making missing directories with mode 0755 and the last
 * component as `make` says. Links that point at nothing are followed and their end is made,
 * inside the root, as SecureJoin of runc does.
 */
int walk_make(int root, const char *path, enum make make, mode_t mode);
/* A bind mount's file needs no permission bits but what a source lends it; 0 means 0644. */
static inline mode_t make_file_mode(mode_t mode) { return (mode & 0777) ? (mode & 0777) : 0644; }

#endif
