#include "attributes.h"

#include "kernel.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

bool own_mark(const char *name) {
  return strncmp(name, "trusted.overlay.", 16) == 0 || strncmp(name, "user.overlay.", 13) == 0 ||
         strncmp(name, "user.fuseoverlayfs.", 19) == 0;
}

static int copy_xattrs(const char *from, const char *to) {
  static char names[65536], value[65536];
  ssize_t n = llistxattr(from, names, sizeof names);
  if (n < 0) return errno == EOPNOTSUPP ? 0 : -errno;
  for (char *name = names; name < names + n; name += strlen(name) + 1) {
    if (own_mark(name)) continue;
    ssize_t length = lgetxattr(from, name, value, sizeof value);
    if (length < 0) return -errno;
    if (lsetxattr(to, name, value, (size_t)length, 0) != 0 && errno != EPERM && strcmp(name, "security.selinux") != 0)
      return -errno;
  }
  return 0;
}

static void fd_path(char *path, size_t room, int dir, const char *name) {
  snprintf(path, room, "/proc/self/fd/%d/%s", dir, name);
}

int copy_attributes_at(int from, const char *from_name, int to, const char *to_name, const struct stat *st) {
  char a[64 + NAME_MAX], b[64 + NAME_MAX];
  const struct timespec times[2] = {st->st_atim, st->st_mtim};
  long rc = AGAIN(fchownat(to, to_name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW));
  /* Not root: everything is ours already. */
  if (rc < 0 && (geteuid() == 0 || rc != -EPERM) && rc != -EINVAL) return (int)rc;
  if (!S_ISLNK(st->st_mode) && (rc = AGAIN(fchmodat(to, to_name, st->st_mode & 07777, 0))) < 0) return (int)rc;
  fd_path(a, sizeof a, from, from_name);
  fd_path(b, sizeof b, to, to_name);
  rc = copy_xattrs(a, b);
  return rc < 0 ? (int)rc : (int)AGAIN(utimensat(to, to_name, times, AT_SYMLINK_NOFOLLOW));
}

int copy_attributes(int from, int to) {
  struct stat st;
  if (fstat(from, &st) != 0) return -errno;
  return copy_attributes_at(from, ".", to, ".", &st);
}
