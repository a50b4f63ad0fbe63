/* Attributes of the process that becomes the command: session, terminal, descriptors. */
#include "args.h"
#include "descriptors.h"
#include "kernel.h"
#include "ops.h"
#include "plan.h"
#include "run.h"

#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/sysmacros.h>

int op_umask(struct run *run, const struct step *step) {
  umask((mode_t)arg_int(run, step, 0));
  return 0;
}

int op_personality(struct run *run, const struct step *step) {
  long rc = AGAIN(personality((unsigned long)arg_int(run, step, 0)));
  return rc < 0 ? (int)rc : 0;
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

int op_close_others(struct run *run, const struct step *step) {
  unsigned count;
  const int64_t *keep = arg_ints(run, step, 0, &count);
  close_others(run, keep, count, arg_int(run, step, 1) != 0);
  return 0;
}
