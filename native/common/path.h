/* path.c: paths inside a root. */
#ifndef CTR_PATH_H
#define CTR_PATH_H

#include <sys/types.h>

#include "enumerations.h"

#define AT_ROOT_NONE (-1) /* not confined: the process's own view */

/*
 * Open `path` inside the directory `root` with openat2 RESOLVE_IN_ROOT (or by walking, where
 * the kernel has no openat2 or CTR_NO_OPENAT2 was compiled or set for tests): the result is
 * inside the root even while the root is being changed. A descriptor or -errno.
 */
int open_inside(int root, const char *path, int flags);
/* The same, making missing directories (mode 0755) and the last component as `make` says; O_PATH. */
int open_target(int root, const char *path, enum make make, mode_t mode);
/* The parent directory of `path`, made if missing, and the last component's name (in the path given). */
int open_parent(int root, const char *path, const char **last);

#endif
