/*
 * A procfs that is one. A container's image or mounts may put anything at /proc, and a write to
 * "/proc/thread-self/attr/exec" that lands in a file of tmpfs looks like success (CVE-2019-16884,
 * CVE-2019-19921); so may a bind mount over one file of the real procfs (CVE-2025-52881).
 */
#include "descriptors.h"
#include "kernel.h"
#include "proc.h"
#include "walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#define PROC_ROOT_INO 1 /* linux/proc_ns.h */

static bool is_procfs(int proc) {
  struct statfs fs;
  struct stat st;
  if (fstatfs(proc, &fs) != 0 || fs.f_type != MAGIC_PROC) return false;
  return fstat(proc, &st) == 0 && st.st_ino == PROC_ROOT_INO;
}

/* Whether the descriptor is the root of a procfs that counts PIDs as this process does. */
static bool ours(int proc) {
  char self[16];
  if (!is_procfs(proc)) return false;
  long length = AGAIN(readlinkat(proc, "self", self, sizeof self - 1));
  if (length <= 0) return false;
  self[length] = '\0';
  return atoi(self) == getpid();
}

/* A new procfs that is mounted nowhere: nothing can lie over any of its files. */
static long detached(void) {
  long fs = sys_fsopen("proc");
  if (fs < 0) return fs;
  long rc = sys_fsconfig((int)fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
  if (rc == 0) rc = sys_fsmount((int)fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  close_fd((int)fs);
  return rc;
}

int real_proc(void) {
  static int known = -1;
  if (known >= 0 && ours(known)) return known;
  close_fd(known);
  known = -1;
  long fd = detached();
  /* In a user namespace that may not see all of procfs a new one is refused; then the one at hand. */
  if (fd < 0) fd = AGAIN(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) return (int)fd;
  if (!ours((int)fd)) {
    close_fd((int)fd);
    return -EXDEV;
  }
  note_descriptor(&known);
  return known = above_stdio((int)fd);
}

/*
 * Who has joined a PID namespace and kept /proc has one that counts otherwise. This process is
 * "self" in it nevertheless.
 */
static int foreign_proc(const char *path) {
  if (strncmp(path, "self/", 5) != 0 && strncmp(path, "thread-self/", 12) != 0) return -EXDEV;
  long fd = AGAIN(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0 || is_procfs((int)fd)) return fd < 0 ? (int)fd : above_stdio((int)fd);
  close_fd((int)fd);
  return -EXDEV;
}

static int open_beneath(int proc, const char *path, int flags) {
  struct kernel_open_how how = {
      .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
      .resolve = KERNEL_RESOLVE_BENEATH | KERNEL_RESOLVE_NO_XDEV | KERNEL_RESOLVE_NO_MAGICLINKS,
  };
  long fd = sys_openat2(proc, path, &how);
  if (!missing_call(fd)) return above_stdio((int)fd);
  int error = (int)fd;
  /* A file of procfs may itself answer EPERM; the walk then says the same. */
  fd = walk_open(proc, path, flags);
  if (fd < 0) return error == -EPERM ? error : (int)fd;
  if (fd_mount((int)fd) != fd_mount(proc)) {
    close_fd((int)fd);
    return -EXDEV;
  }
  return above_stdio((int)fd);
}

int open_proc(const char *path, int flags) {
  while (*path == '/') path++;
  int proc = real_proc(), foreign = -1;
  if (proc == -EXDEV) proc = foreign = foreign_proc(path);
  if (proc < 0) return proc;
  int fd = open_beneath(proc, path, flags);
  close_fd(foreign);
  return fd;
}
