/* Attributes of the process that becomes the command: limits, session, terminal, descriptors. */
#include "kernel.h"
#include "launcher.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/sysmacros.h>

int op_rlimit(struct run *run, const struct step *step) {
  /* Not setrlimit(3): musl and glibc each have an RLIM_INFINITY and a struct of their own to convert. */
  const uint64_t limit[2] = {(uint64_t)arg_int(run, step, 1), (uint64_t)arg_int(run, step, 2)};
  long rc = KERNEL(SYS_prlimit64, 0, (int)arg_int(run, step, 0), limit, NULL);
  if (rc == -EPERM) detail(run, "raising a hard limit needs CAP_SYS_RESOURCE");
  return (int)rc;
}

int op_umask(struct run *run, const struct step *step) {
  umask((mode_t)arg_int(run, step, 0));
  return 0;
}

int op_personality(struct run *run, const struct step *step) {
  long rc = AGAIN(personality((unsigned long)arg_int(run, step, 0)));
  return rc < 0 ? (int)rc : 0;
}

/*
 * The kernel gives a working directory outside of the root as "(unreachable)/…" (getcwd(2)): a
 * descriptor of the host's that leaked into the container would lead there (CVE-2024-21626).
 */
int op_chdir(struct run *run, const struct step *step) {
  char now[PATH_MAX];
  const char *path = arg_text(run, step, 0);
  long rc = AGAIN(chdir(path));
  if (rc != 0 || !arg_int(run, step, 1)) return (int)rc;
  rc = KERNEL(SYS_getcwd, now, sizeof now);
  if (rc < 0) return (int)rc;
  if (now[0] == '/') return 0;
  detail(run, "%s lies outside of the container's root", path);
  return chdir("/") == 0 ? -EXDEV : -errno;
}

int op_setsid(struct run *run, const struct step *step) {
  (void)run;
  (void)step;
  long rc = AGAIN(setsid());
  return rc < 0 ? (int)rc : 0;
}

int op_controlling_tty(struct run *run, const struct step *step) {
  int fd = arg_fd(run, step, 0);
  long rc = AGAIN(ioctl(fd, TIOCSCTTY, 0));
  for (int to = 0; rc >= 0 && to < 3; to++) rc = AGAIN(dup2(fd, to));
  return rc < 0 ? (int)rc : 0;
}

int op_dup2(struct run *run, const struct step *step) {
  int from = arg_fd(run, step, 0), to = arg_fd(run, step, 1);
  /* dup2(2) of a descriptor to itself does nothing; what is meant is that the command has it. */
  long rc = from == to ? AGAIN(fcntl(to, F_SETFD, 0)) : AGAIN(dup2(from, to));
  return rc < 0 ? (int)rc : 0;
}

static int cloexec_one_by_one(int first) {
  int fd = open_proc("self/fd", O_RDONLY | O_DIRECTORY);
  if (fd < 0) return fd;
  DIR *entries = fdopendir(fd);
  if (!entries) {
    close_fd(fd);
    return -ENOMEM;
  }
  struct dirent *entry;
  while ((entry = readdir(entries))) {
    int open = atoi(entry->d_name);
    if (entry->d_name[0] != '.' && open >= first) fcntl(open, F_SETFD, FD_CLOEXEC);
  }
  closedir(entries);
  return 0;
}

int op_cloexec_from(struct run *run, const struct step *step) {
  int first = (int)arg_int(run, step, 0);
  long rc = KERNEL(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC);
  /* close_range(2): Linux 5.9, its flag 5.11. */
  return missing_call(rc) || rc == -EINVAL ? cloexec_one_by_one(first) : (int)rc;
}

/*
 * As runc's fixStdioPermissions: a terminal, pipe or file that the caller gave should be usable
 * by the command's user by its name as well (/dev/stdout). The null device is everybody's; what
 * cannot be given (a read-only mount, an owner that this user namespace does not map) stays.
 */
int op_own_stdio(struct run *run, const struct step *step) {
  uid_t uid;
  gid_t gid;
  if (arg_id(run, step, 0, true, &uid) < 0 || arg_id(run, step, 1, true, &gid) < 0) return -EINVAL;
  for (int fd = 0; fd < 3; fd++) {
    struct stat st;
    long rc = AGAIN(fstat(fd, &st));
    if (rc == -EBADF) continue;
    if (rc < 0) return (int)rc;
    if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) continue;
    if ((uid == (uid_t)-1 || st.st_uid == uid) && (gid == (gid_t)-1 || st.st_gid == gid)) continue;
    rc = AGAIN(fchown(fd, uid, gid));
    if (rc < 0 && rc != -EROFS && rc != -EPERM && rc != -EINVAL) {
      detail(run, "descriptor %d", fd);
      return (int)rc;
    }
  }
  return 0;
}
