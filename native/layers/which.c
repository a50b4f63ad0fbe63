/* Which layer something of a root comes from, where each tree has all that is below it. */
#include "kernel.h"
#include "request.h"

#include <limits.h>
#include <stdbool.h>
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

int request_which(struct request *r) {
  const char *root = r->args[WHICH_ROOT].text, *path = r->args[WHICH_PATH].text;
  char **trees = r->args[WHICH_TREES].list, **names = r->args[WHICH_NAMES].list;
  int64_t count = r->args[WHICH_TREES].number, i = 0;
  struct stat here, below;
  if (r->args[WHICH_NAMES].number != count + 1) return -EINVAL;
  if (!look(root, path, &here)) return -errno;
  /* The lowest tree from which on it has stayed as it is. */
  while (i < count && look(trees[i], path, &below) && same(&here, &below)) i++;
  snprintf(r->text, sizeof r->text, "%s", names[i == 0 ? count : i - 1]);
  return 0;
}
