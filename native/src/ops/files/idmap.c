/* A user namespace that exists for its maps alone (mount_setattr(2), ID-mapped mounts). */
#include "args.h"
#include "kernel.h"
#include "plan.h"
#include "proc.h"
#include "run.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#ifndef CLONE_NEWUSER
#define CLONE_NEWUSER 0x10000000
#endif

static int write_map(struct run *run, int dir, const char *file, const char *lines) {
  long fd = AGAIN(openat(dir, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd < 0) return (int)fd;
  long n = AGAIN(write((int)fd, lines, strlen(lines)));
  close_fd((int)fd);
  if (n < 0) detail(run, "%s: %s", file, lines);
  return n < 0 ? (int)n : 0;
}

static int open_mapped(struct run *run, pid_t pid, const char *uids, const char *gids) {
  char path[32];
  snprintf(path, sizeof path, "%d", (int)pid);
  int dir = open_proc(path, O_PATH | O_DIRECTORY);
  if (dir < 0) return dir;
  int rc = write_map(run, dir, "uid_map", uids);
  /* Only privilege in the parent namespace may write gid_map with setgroups(2) still allowed (user_namespaces(7)). */
  if (rc == 0) rc = write_map(run, dir, "gid_map", gids);
  long fd = rc < 0 ? rc : AGAIN(openat(dir, "ns/user", O_RDONLY | O_CLOEXEC));
  close_fd(dir);
  return above_stdio((int)fd);
}

int op_idmap_userns(struct run *run, const struct step *step) {
  const char *uids = arg_text(run, step, 0), *gids = arg_text(run, step, 1);
  /* Without SIGCHLD: nobody but us is to hear of this child, which dies with us. */
  long child = KERNEL(SYS_clone, CLONE_NEWUSER, 0, 0, 0, 0);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  if (child < 0) return (int)child;
  int fd = open_mapped(run, (pid_t)child, uids, gids);
  kill((pid_t)child, SIGKILL);
  (void)AGAIN(waitpid((pid_t)child, NULL, __WALL));
  if (fd < 0) return fd;
  out_int(run, step, 2, fd);
  return 0;
}
