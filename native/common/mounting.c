/* Attaching and changing mounts, and the same by mount(2) where a kernel lacks the newer calls. */
#include "mounting.h"

#include <stdio.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

uint64_t attr_of_flags(unsigned long flags) {
  uint64_t attr = 0;
  if (flags & MS_RDONLY) attr |= MOUNT_ATTR_RDONLY;
  if (flags & MS_NOSUID) attr |= MOUNT_ATTR_NOSUID;
  if (flags & MS_NODEV) attr |= MOUNT_ATTR_NODEV;
  if (flags & MS_NOEXEC) attr |= MOUNT_ATTR_NOEXEC;
  if (flags & MS_NODIRATIME) attr |= MOUNT_ATTR_NODIRATIME;
  if (flags & MS_NOSYMFOLLOW) attr |= MOUNT_ATTR_NOSYMFOLLOW;
  /* Without any of them relatime, as mount(2) has it since Linux 2.6.30; strictatime wins there. */
  if (flags & MS_STRICTATIME) attr |= MOUNT_ATTR_STRICTATIME;
  else if (flags & MS_NOATIME) attr |= MOUNT_ATTR_NOATIME;
  return attr;
}

/* MOUNT_ATTR_* that a mount has now. */
static uint64_t attr_now(int mount) {
  struct statfs fs;
  uint64_t attr = 0;
  if (fstatfs(mount, &fs) != 0) return 0;
  unsigned long now = (unsigned long)fs.f_flags;
  /* The low bits are the same as MS_*; statfs(2). */
  attr |= attr_of_flags(now & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME));
  if (now & STATFS_NOSYMFOLLOW) attr |= MOUNT_ATTR_NOSYMFOLLOW;
  if (!(now & (MS_NOATIME | STATFS_RELATIME))) attr |= MOUNT_ATTR_STRICTATIME;
  return attr;
}

static unsigned long flags_of_attr(uint64_t attr) {
  unsigned long flags = 0;
  if (attr & MOUNT_ATTR_RDONLY) flags |= MS_RDONLY;
  if (attr & MOUNT_ATTR_NOSUID) flags |= MS_NOSUID;
  if (attr & MOUNT_ATTR_NODEV) flags |= MS_NODEV;
  if (attr & MOUNT_ATTR_NOEXEC) flags |= MS_NOEXEC;
  if (attr & MOUNT_ATTR_NODIRATIME) flags |= MS_NODIRATIME;
  if (attr & MOUNT_ATTR_NOSYMFOLLOW) flags |= MS_NOSYMFOLLOW;
  switch (attr & MOUNT_ATTR__ATIME) {
    case MOUNT_ATTR_NOATIME: return flags | MS_NOATIME;
    case MOUNT_ATTR_STRICTATIME: return flags | MS_STRICTATIME;
    default: return flags | MS_RELATIME;
  }
}

int mount_at(const char *source, int target, const char *type, unsigned long flags, const char *data) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", target);
  return (int)AGAIN(mount(source, path, type, flags, data));
}

int mount_attach(int mount, int target) { return (int)sys_move_mount(mount, target); }

/* Before Linux 5.12: a remount, which sees one mount and not those below. */
static int remount(int mount, uint64_t set, uint64_t clear, int userns, bool recursive) {
  if (userns >= 0 || recursive) return -ENOSYS;
  uint64_t attr = (attr_now(mount) & ~clear) | set;
  return mount_at(NULL, mount, NULL, MS_REMOUNT | MS_BIND | flags_of_attr(attr), NULL);
}

int mount_propagate(int mount, uint64_t propagation) {
  unsigned recursive = propagation & MS_REC ? AT_RECURSIVE : 0;
  struct kernel_mount_attr attr = {.propagation = propagation & PROPAGATION};
  if (!attr.propagation) return 0;
  long rc = sys_mount_setattr(mount, recursive, &attr);
  if (rc == -ENOSYS) rc = mount_at(NULL, mount, NULL, attr.propagation | (recursive ? MS_REC : 0), NULL);
  return (int)rc;
}

int mount_change(char *words, int mount, uint64_t set, uint64_t clear, uint64_t propagation,
                 int userns, bool recursive) {
  if (userns >= 0) set |= MOUNT_ATTR_IDMAP;
  /* mount_setattr(2): the access time settings are one field, which must be cleared whole to be set. */
  if ((set | clear) & MOUNT_ATTR__ATIME) clear |= MOUNT_ATTR__ATIME;
  struct kernel_mount_attr attr = {
      .set = set, .clear = clear, .userns_fd = userns >= 0 ? (uint64_t)userns : 0};
  long rc = 0;
  if (set || clear) {
    unsigned flags = recursive ? AT_RECURSIVE : 0;
    rc = sys_mount_setattr(mount, flags, &attr);
    if (rc == -ENOSYS) rc = remount(mount, set, clear, userns, recursive);
    if (rc == -EINVAL && userns >= 0)
      words_say(words, "the filesystem may not support mounts with mapped IDs");
  }
  if (rc == 0) rc = mount_propagate(mount, propagation);
  return (int)rc;
}

bool null_device(int fd) {
  struct stat st;
  return AGAIN(fstat(fd, &st)) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}
