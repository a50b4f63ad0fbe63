/* What root executes, only root (or the owner of the launcher's file) may have been able to write. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "own_file.h"
#include "trust.h"

char *beside(const char *launcher, const char *relative) {
  char path[PATH_MAX + 128];
  const char *slash = strrchr(launcher, '/');
  snprintf(path, sizeof path, "%.*s/%s", (int)(slash - launcher), launcher, relative);
  return realpath(path, NULL);
}

/*
 * Every component of the resolved path, from / to the file. A sticky directory that others can
 * write is no danger by itself: in it nobody can replace what is not his (unlink(2), EPERM).
 */
int trusted(const char *path, uid_t owner, const char **culprit, const char **why) {
  static char part[4096];
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof part || path[0] != '/') return -EINVAL;
  *culprit = part;
  for (size_t at = 0; at <= length; at++) {
    if (at != 0 && at != length && path[at] != '/') continue;
    size_t keep = at == 0 ? 1 : at;
    memcpy(part, path, keep);
    part[keep] = 0;
    struct stat st;
    if (lstat(part, &st) != 0) return -errno;
    *why = "belongs to somebody else";
    if (st.st_uid != 0 && st.st_uid != owner) return -EPERM;
    *why = "can be written by others";
    if (st.st_mode & 022 && !(S_ISDIR(st.st_mode) && st.st_mode & S_ISVTX)) return -EPERM;
    *why = "is a symbolic link";
    if (S_ISLNK(st.st_mode)) return -EPERM; /* the path was resolved: somebody is changing it */
  }
  return 0;
}
