/* Operations on processes that are a system call or two. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "args.h"
#include "channel.h"
#include "guard.h"
#include "io.h"
#include "kernel.h"
#include "ops.h"
#include "plan.h"
#include "proc.h"
#include "run.h"
#include "signals.h"

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

static int checked(long result) { return result < 0 ? -errno : 0; }

int op_unshare(struct run *run, const struct step *step) {
  return checked(unshare((int)arg_int(run, step, 0)));
}

int op_setns(struct run *run, const struct step *step) {
  return checked(setns(arg_fd(run, step, 0), (int)arg_int(run, step, 1)));
}

int op_exit(struct run *run, const struct step *step) {
  run_end(run, (int)arg_int(run, step, 0) & 255, 0);
}

int op_dumpable(struct run *run, const struct step *step) {
  return checked(prctl(PR_SET_DUMPABLE, arg_int(run, step, 0), 0, 0, 0));
}

int op_print(struct run *run, const struct step *step) {
  size_t length;
  const char *text = arg_blob(run, step, 1, &length);
  char *line = arena(length + 1);
  memcpy(line, text, length);
  line[length] = '\n';
  int fd = arg_fd(run, step, 0);
  int rc = (int)write_all(fd, line, length + 1);
  if (rc != -EBADF || fd != 1) return rc;
  detail(run, "stdout is closed");
  return -E_DETAIL;
}

int op_elapsed(struct run *run, const struct step *step) {
  uint64_t tenths = (now_ns() - run->started_ns) / 100000;
  char text[32];
  int n = snprintf(text, sizeof text, "%llu.%llu", (unsigned long long)(tenths / 10),
                   (unsigned long long)(tenths % 10));
  return out_text(run, step, 0, text, (size_t)n);
}

int op_start_time(struct run *run, const struct step *step) {
  int64_t ticks;
  int result = start_time_of(arg_int(run, step, 0), &ticks);
  if (result < 0) return result;
  out_int(run, step, 1, ticks);
  return 0;
}

int op_pidfd_open(struct run *run, const struct step *step) {
  long fd = sys_pidfd_open((pid_t)arg_int(run, step, 0));
  if (fd < 0) return (int)fd;
  out_int(run, step, 1, fd);
  return 0;
}

int op_kill(struct run *run, const struct step *step) {
  int pidfd = arg_fd(run, step, 1), signal = (int)arg_int(run, step, 2);
  int64_t pid = arg_int(run, step, 0);
  if (pidfd < 0 && pid <= 0) return -EINVAL; /* 0 and -1 would be whole groups */
  long result = pidfd >= 0 ? syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) : kill((pid_t)pid, signal);
  return result < 0 && errno != ESRCH ? -errno : 0;
}

/*
 * A pidfd of the process that started then. -ESRCH where it has ended or its PID is another's by now: the
 * start time is read after the PID is held, so it is that of the process that is held, or of a later one.
 */
static int hold_process(int64_t pid, int64_t ticks) {
  int64_t found = ticks;
  int fd = (int)sys_pidfd_open((pid_t)pid);
  if (fd < 0) return fd;
  int rc = ticks < 0 ? 0 : start_time_of(pid, &found);
  if (rc == 0 && found == ticks) return fd;
  close(fd);
  return rc < 0 ? rc : -ESRCH;
}

/* A pidfd can be read from when its process has ended, all threads and its PID namespace with it (pidfd_open(2)). */
static int await_end(int pidfd, uint64_t until) {
  for (;;) {
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    uint64_t now = now_ns();
    int left = until == UINT64_MAX ? -1 : now < until ? (int)((until - now) / 1000000) + 1 : 0;
    int ready = poll(&p, 1, left);
    if (ready > 0) return 0;
    if (ready == 0) return -EBUSY;
    if (errno != EINTR) return -errno;
    if (guard_caught()) return -EINTR;
  }
}

int op_await_end(struct run *run, const struct step *step) { return await_end(arg_fd(run, step, 0), UINT64_MAX); }

int op_end_process(struct run *run, const struct step *step) {
  int64_t pid = arg_int(run, step, 0), timeout = arg_int(run, step, 2);
  if (pid <= 0) return -EINVAL;
  int pidfd = hold_process(pid, arg_int(run, step, 1));
  if (pidfd < 0) return pidfd == -ESRCH ? 0 : pidfd;
  int rc = checked(syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0));
  if (rc == -ESRCH) rc = 0;
  if (rc == 0 && timeout > 0) rc = await_end(pidfd, now_ns() + (uint64_t)timeout * 1000000);
  close(pidfd);
  if (rc == -EBUSY) detail(run, "it does not die of SIGKILL: a cgroup keeps it frozen, or the kernel holds it (state D)");
  return rc;
}

/* One call, for a filter may hold this process: a FIFO that is open for writing too makes read(2) wait (fifo(7)). */
int op_await_start(struct run *run, const struct step *step) {
  int fd = arg_fd(run, step, 0);
  char byte;
  ssize_t n;
  while ((n = read(fd, &byte, 1)) < 0 && errno == EINTR)
    if (guard_caught()) return -EINTR;
  if (n != 1) return n < 0 ? -errno : -EPIPE;
  if (run->filtered) run->parent = -1; /* who made this process has let it go; to look there may be forbidden */
  return 0;
}

int op_pdeathsig(struct run *run, const struct step *step) {
  int signal = (int)arg_int(run, step, 0);
  if (prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) < 0) return -errno;
  if (signal == 0 || run->parent < 0) return 0;
  /* It may have died before the call; then no signal comes (PR_SET_PDEATHSIG(2const)). */
  struct channel *up = run->to[run->parent];
  if (!up) return 0;
  channel_pump(run, up);
  return up->ended && !up->bye ? peer_gone(run, (unsigned)run->parent) : 0;
}

int op_signals_default(struct run *run, const struct step *step) {
  (void)run;
  (void)step;
  sigset_t none;
  signals_to_default();
  sigchld_was_ignored = false;
  sigemptyset(&none);
  return checked(signal_mask(SIG_SETMASK, &none, NULL));
}

int op_self_pid(struct run *run, const struct step *step) {
  out_int(run, step, 0, getpid());
  return 0;
}

int op_subreaper(struct run *run, const struct step *step) {
  return checked(prctl(PR_SET_CHILD_SUBREAPER, arg_int(run, step, 0), 0, 0, 0));
}

int op_wait_child(struct run *run, const struct step *step) {
  pid_t pid = (pid_t)arg_int(run, step, 0);
  int status;
  if (pid <= 0) return -EINVAL;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -errno;
    if (guard_caught()) return -EINTR;
  }
  for (unsigned p = 0; p < MAX_PROCESSES; p++)
    if (run->child[p] == pid) run->child[p] = 0;
  out_int(run, step, 1, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
  return 0;
}
