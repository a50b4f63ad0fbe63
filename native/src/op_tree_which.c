/* Which layer something of a root comes from, where each tree has all that is below it. */
#include "kernel.h"
#include "launcher.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool look(const char *tree, const char *path, struct stat *st) {
  char at[PATH_MAX];
  snprintf(at, sizeof at, "%s/%s", tree, path);
  return lstat(at, st) == 0;
}

static bool same_time(const struct timespec *a, const struct timespec *b) {
  return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* A layer that names something makes it anew, with the times that its archive says. */
static bool same(const struct stat *a, const struct stat *b) {
  return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid && a->st_rdev == b->st_rdev &&
         (S_ISDIR(a->st_mode) || a->st_size == b->st_size) && same_time(&a->st_mtim, &b->st_mtim);
}

int op_tree_which(struct run *run, const struct step *step) {
  unsigned count, named, i;
  const char *root = arg_text(run, step, 0), *path = arg_text(run, step, 1);
  char **trees = arg_list(run, step, 2, &count), **names = arg_list(run, step, 3, &named);
  struct stat here, below;
  if (named != count + 1) return -EINVAL;
  if (!look(root, path, &here)) return -errno;
  /* The lowest tree from which on it has stayed as it is. */
  for (i = 0; i < count && look(trees[i], path, &below) && same(&here, &below);) i++;
  const char *name = names[i == 0 ? count : i - 1];
  return out_text(run, step, 4, name, strlen(name));
}
