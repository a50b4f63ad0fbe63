/*
 * System calls that the C library does not wrap everywhere, and constants that its
 * headers may be too old for. Debian 12's and 13's glibc and musl differ in which of
 * these they have; <linux/mount.h> cannot be included beside glibc's <sys/mount.h>
 * (both define enum fsconfig_command), so it never is.
 *
 * Every wrapper gives the result, or a negative errno, and repeats after EINTR.
 */
#ifndef CTR_KERNEL_H
#define CTR_KERNEL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Any call that answers -1 with errno: its result or -errno, again after EINTR. Not for close(2). */
#define AGAIN(call)                                  \
  __extension__({                                    \
    long again_;                                     \
    do again_ = (long)(call);                        \
    while (again_ == -1 && errno == EINTR);          \
    again_ == -1 ? -(long)errno : again_;            \
  })
#define KERNEL(...) AGAIN(syscall(__VA_ARGS__))

/* Numbers from 424 on are the same on every architecture (asm-generic/unistd.h). */
#ifndef SYS_statx
#error "statx(2) came with Linux 4.11"
#endif
#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif
#ifndef SYS_move_mount
#define SYS_move_mount 429
#endif
#ifndef SYS_fsopen
#define SYS_fsopen 430
#endif
#ifndef SYS_fsconfig
#define SYS_fsconfig 431
#endif
#ifndef SYS_fsmount
#define SYS_fsmount 432
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

/* fcntl.h */
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

/* linux/mount.h */
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef OPEN_TREE_CLOEXEC
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#endif
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 0x00000004
#endif
#ifndef MOVE_MOUNT_T_EMPTY_PATH
#define MOVE_MOUNT_T_EMPTY_PATH 0x00000040
#endif
#ifndef FSOPEN_CLOEXEC
#define FSOPEN_CLOEXEC 0x00000001
#endif
#ifndef FSMOUNT_CLOEXEC
#define FSMOUNT_CLOEXEC 0x00000001
#endif
#ifndef FSCONFIG_SET_FLAG
#define FSCONFIG_SET_FLAG 0
#define FSCONFIG_SET_STRING 1
#define FSCONFIG_SET_FD 5
#define FSCONFIG_CMD_CREATE 6
#endif
#ifndef MOUNT_ATTR_RDONLY
#define MOUNT_ATTR_RDONLY 0x00000001
#define MOUNT_ATTR_NOSUID 0x00000002
#define MOUNT_ATTR_NODEV 0x00000004
#define MOUNT_ATTR_NOEXEC 0x00000008
#define MOUNT_ATTR__ATIME 0x00000070
#define MOUNT_ATTR_RELATIME 0x00000000
#define MOUNT_ATTR_NOATIME 0x00000010
#define MOUNT_ATTR_STRICTATIME 0x00000020
#define MOUNT_ATTR_NODIRATIME 0x00000080
#endif
#ifndef MOUNT_ATTR_IDMAP
#define MOUNT_ATTR_IDMAP 0x00100000
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)
#endif
/* statfs(2) f_flags where they differ from MS_* */
#define STATFS_RELATIME 0x1000
#define STATFS_NOSYMFOLLOW 0x2000

/* linux/magic.h */
#define MAGIC_PROC 0x9fa0
#define MAGIC_DEVPTS 0x1cd1

/* linux/openat2.h */
#define KERNEL_RESOLVE_NO_XDEV 0x01
#define KERNEL_RESOLVE_NO_MAGICLINKS 0x02
#define KERNEL_RESOLVE_BENEATH 0x08
#define KERNEL_RESOLVE_IN_ROOT 0x10

struct kernel_open_how {
  uint64_t flags;
  uint64_t mode;
  uint64_t resolve;
};

struct kernel_mount_attr {
  uint64_t set;
  uint64_t clear;
  uint64_t propagation;
  uint64_t userns_fd;
};

/* Set by a test to see how the launcher does without openat2(2); never by the launcher itself. */
extern int kernel_without_openat2;

static inline long sys_openat2(int dir, const char *path, const struct kernel_open_how *how) {
  if (kernel_without_openat2) return -ENOSYS;
  return KERNEL(SYS_openat2, dir, path, how, sizeof *how);
}
/*
 * pidfd_open(2), close-on-exec by itself. The number of a process that is gone may still be that of its group or its
 * session, for which the kernel says EINVAL and not ESRCH.
 */
static inline long sys_pidfd_open(pid_t pid) {
  long fd = KERNEL(SYS_pidfd_open, pid, 0);
  return fd == -EINVAL && pid > 0 ? -ESRCH : fd;
}
static inline long sys_open_tree(int dir, const char *path, unsigned flags) {
  return KERNEL(SYS_open_tree, dir, path, flags | OPEN_TREE_CLOEXEC);
}
/* Attach the mount that `from` is to the file or directory that `to` is. */
static inline long sys_move_mount(int from, int to) {
  return KERNEL(SYS_move_mount, from, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}
static inline long sys_fsopen(const char *type) { return KERNEL(SYS_fsopen, type, FSOPEN_CLOEXEC); }
static inline long sys_fsconfig(int fs, unsigned command, const char *key, const void *value, int aux) {
  return KERNEL(SYS_fsconfig, fs, command, key, value, aux);
}
static inline long sys_fsmount(int fs, unsigned attr) {
  return KERNEL(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attr);
}
static inline long sys_mount_setattr(int mount, unsigned flags, const struct kernel_mount_attr *attr) {
  return KERNEL(SYS_mount_setattr, mount, "", flags | AT_EMPTY_PATH, attr, sizeof *attr);
}

/* chmod(2) of what a descriptor is, O_PATH or not. Before Linux 6.6 that goes only through /proc. */
int chmod_fd(int fd, mode_t mode);
/* What `type` bits and device number a descriptor has. -errno if it cannot be known. */
int fd_mode(int fd);
/* The ID of the mount that a descriptor is on (statx(2) STATX_MNT_ID, Linux 5.8), or 0. */
uint64_t fd_mount(int fd);
/* The same descriptor above 2: where a caller closed 0, 1 or 2, no descriptor of ours may take that place. */
int above_stdio(int fd);
/* close(2) that leaves errno alone and takes -1. */
void close_fd(int fd);
/* Whether the call is not to be had at all: an old kernel, or a seccomp filter that forbids it. */
static inline int missing_call(long error) { return error == -ENOSYS || error == -EPERM; }

#endif
