/* Small helpers around descriptors that kernel.h declares. */
#include "kernel.h"

#include <stdio.h>
#include <string.h>

int kernel_without_openat2;

void close_fd(int fd) {
  int saved = errno;
  if (fd >= 0) close(fd);
  errno = saved;
}

int above_stdio(int fd) {
  if (fd < 0 || fd > 2) return fd;
  int higher = (int)AGAIN(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  close_fd(fd);
  return higher;
}

int fd_mode(int fd) {
  struct stat st;
  long rc = AGAIN(fstat(fd, &st));
  return rc < 0 ? (int)rc : (int)st.st_mode;
}

int chmod_fd(int fd, mode_t mode) {
  long rc = KERNEL(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH);
  if (!missing_call(rc)) return (int)rc;
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return (int)AGAIN(chmod(path, mode));
}

uint64_t fd_mount(int fd) {
  /* struct statx is 256 bytes everywhere (linux/stat.h); not every libc knows stx_mnt_id, at byte 0x90. */
  _Alignas(8) unsigned char stx[256] = {0};
  const uint32_t wanted = 0x1000; /* STATX_MNT_ID */
  uint32_t mask;
  uint64_t id;
  if (KERNEL(SYS_statx, fd, "", AT_EMPTY_PATH, wanted, stx) < 0) return 0;
  memcpy(&mask, stx, sizeof mask);
  memcpy(&id, stx + 0x90, sizeof id);
  return mask & wanted ? id : 0;
}
