/*
 * Who runs a program to its end may itself be killed meanwhile, by SIGKILL too. PR_SET_PDEATHSIG ends the program alone, and
 * not what it started; a group can only be signalled by somebody who lives. So a fork waits for the end of a pipe
 * whose other end this process alone has, and then kills the group.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptors.h"
#include "io.h"
#include "kernel.h"
#include "lifeline.h"
#include "signals.h"

static _Noreturn void watch(int from) {
  sigset_t all;
  every_signal(&all); /* whoever ends all of us by a signal ends the other side of the pipe too */
  signal_mask(SIG_SETMASK, &all, NULL);
  setpgid(0, 0); /* SIGKILL to the caller's whole group must not end both at once */
  dup2(from, 0);
  close_from(1); /* who reads the other end of something is not to wait for us */
  pid_t group = 0;
  char more;
  if (AGAIN(read(0, &group, sizeof group)) != (long)sizeof group) _exit(0);
  while (AGAIN(read(0, &more, 1)) > 0) {
  }
  if (group > 1) kill(-group, SIGKILL);
  _exit(0);
}

int lifeline_begin(struct lifeline *line) {
  int ends[2];
  *line = (struct lifeline){.fd = -1};
  if (getpid() == 1) return 0;
  if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
  long pid = KERNEL(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) watch(ends[0]);
  close(ends[0]);
  if (pid < 0) {
    close(ends[1]);
    return (int)pid;
  }
  *line = (struct lifeline){.pid = (pid_t)pid, .fd = high_fd(ends[1])};
  return 0;
}

void lifeline_join(const struct lifeline *line) {
  pid_t group = getpid();
  if (line->fd >= 0) (void)write_all(line->fd, &group, sizeof group);
}

void lifeline_end(struct lifeline *line) {
  if (line->pid > 0) {
    kill(line->pid, SIGKILL);
    (void)AGAIN(waitpid(line->pid, NULL, 0));
  }
  close_fd(line->fd);
  *line = (struct lifeline){.fd = -1};
}
