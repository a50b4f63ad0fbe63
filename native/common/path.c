/*
 * Paths inside a root: opened with openat2(2) RESOLVE_IN_ROOT, so that no symbolic link, `..`
 * or rename while we look leads out of it. walk.c does the same without openat2, and makes what
 * is missing.
 */
#include "path.h"

#include "kernel.h"
#include "walk.h"

#include <limits.h>
#include <string.h>

/* openat2(2): RESOLVE_IN_ROOT answers EAGAIN when a rename raced with `..`; "userspace can retry". */
#define RACES 128

static long in_root(int root, const char *path, int flags) {
  struct kernel_open_how how = {
      .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
      .mode = flags & O_CREAT ? 0644 : 0,
      .resolve = KERNEL_RESOLVE_IN_ROOT | KERNEL_RESOLVE_NO_MAGICLINKS,
  };
  long fd = -EAGAIN;
  for (int tries = 0; fd == -EAGAIN && tries < RACES; tries++) fd = sys_openat2(root, path, &how);
  return fd;
}

int open_inside(int root, const char *path, int flags) {
  if (root == AT_ROOT_NONE) return above_stdio((int)AGAIN(open(path, flags | O_CLOEXEC, 0644)));
  if (*path == '\0') path = ".";
  long fd = in_root(root, path, flags);
  if (missing_call(fd)) fd = walk_open(root, path, flags);
  return above_stdio((int)fd);
}

/* mkdir -p of a path of the process's own view, and the last component as `make` says. */
static int make_outside(const char *path, enum make make, mode_t mode) {
  char part[PATH_MAX];
  size_t length = strlen(path);
  if (length >= sizeof part) return -ENAMETOOLONG;
  bool directory = make == MAKE_DIRECTORY || (make == MAKE_LIKE_SOURCE && S_ISDIR(mode));
  mode_t old = umask(0);
  long rc = 0;
  for (size_t i = 1; i <= length && (rc == 0 || rc == -EEXIST); i++) {
    if (path[i] != '/' && path[i] != '\0') continue;
    memcpy(part, path, i);
    part[i] = '\0';
    if (i < length || directory) {
      rc = AGAIN(mkdir(part, 0755));
    } else {
      rc = AGAIN(open(part, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOCTTY, make_file_mode(mode)));
      if (rc >= 0) rc = close((int)rc);
    }
  }
  umask(old);
  return rc == -EEXIST ? 0 : (int)rc;
}

int open_target(int root, const char *path, enum make make, mode_t mode) {
  int fd = open_inside(root, path, O_PATH);
  if (fd != -ENOENT || make == MAKE_NOTHING) return fd;
  if (root != AT_ROOT_NONE) return above_stdio(walk_make(root, path, make, mode));
  int rc = make_outside(path, make, mode);
  return rc < 0 ? rc : open_inside(root, path, O_PATH);
}

int open_parent(int root, const char *path, const char **last) {
  static char name[NAME_MAX + 1];
  char parent[PATH_MAX];
  size_t end = strlen(path);
  if (end >= sizeof parent) return -ENAMETOOLONG;
  while (end > 0 && path[end - 1] == '/') end--;
  size_t start = end;
  while (start > 0 && path[start - 1] != '/') start--;
  size_t length = end - start;
  if (length == 0 || length > NAME_MAX) return length ? -ENAMETOOLONG : -EINVAL;
  memcpy(name, path + start, length);
  name[length] = '\0';
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return -EINVAL;
  *last = path[end] == '\0' ? path + start : name;
  memcpy(parent, path, start);
  strcpy(parent + start, start ? "" : ".");
  return open_target(root, parent, MAKE_DIRECTORY, 0755);
}
