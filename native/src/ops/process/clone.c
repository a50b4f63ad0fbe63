/* Starting the next process of the plan. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "args.h"
#include "channel.h"
#include "guard.h"
#include "io.h"
#include "kernel.h"
#include "ns.h"
#include "ops.h"
#include "plan.h"
#include "run.h"
#include "signals.h"
#include "time_limit.h"
#include "words.h"

#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef CLONE_PARENT
#define CLONE_PARENT 0x00008000
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ull
#endif
/* In clone(2) the low byte is a signal; in clone3 its one flag is CLONE_NEWTIME. */
#define CLONE_SIGNALS 0x7f

/* clone3(2) as of Linux 5.7; later fields are not used. */
struct clone3_args {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
  uint64_t set_tid, set_tid_size, cgroup;
};

/*
 * fork(2) with flags. The C library is not told, so nothing in the child may use what it keeps
 * of its thread (raise, abort); kill(getpid()) is what this launcher uses.
 */
static long clone_with(uint64_t flags, int cgroup, int *pidfd) {
  struct clone3_args args = {
      .flags = flags | CLONE_PIDFD,
      .pidfd = (uint64_t)(uintptr_t)pidfd,
      .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD, /* clone3 refuses one with CLONE_PARENT */
  };
  if (cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = (uint64_t)cgroup;
  }
  long pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid >= 0 || errno != ENOSYS || cgroup >= 0) return pid;
  /* Before Linux 5.3, and under filters that know no clone3: clone(2), which gives the pidfd too. */
  return syscall(SYS_clone, (unsigned long)(flags | CLONE_PIDFD | SIGCHLD), 0, pidfd, 0, 0);
}

/* What the child says first: 0, or why it is not where it is to be; EOWNERDEAD where it died before. */
static int first_word(int from) {
  int error;
  return AGAIN(read(from, &error, sizeof error)) == (long)sizeof error ? error : EOWNERDEAD;
}

/* `procs`: cgroup.procs of the group that the child moves itself to, or -1 where it is born in `cgroup`. */
static long fork_said(uint64_t flags, int cgroup, int procs, int *pidfd, int *said) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -1;
  long pid = clone_with(flags, cgroup, pidfd);
  int error = errno;
  if (pid == 0) {
    int word = procs >= 0 && write(procs, "0", 1) < 0 ? errno : 0;
    (void)write_all(ends[1], &word, sizeof word);
    close(ends[0]);
    close(ends[1]);
    return 0;
  }
  close(ends[1]);
  *said = pid > 0 ? first_word(ends[0]) : 0;
  close(ends[0]);
  if (pid > 0 && *said != 0) {
    kill((pid_t)pid, SIGKILL);
    while (waitpid((pid_t)pid, NULL, __WALL) < 0 && errno == EINTR) {
    }
    if (*pidfd >= 0) close(*pidfd);
    *pidfd = -1;
  }
  errno = error;
  return pid;
}

/*
 * Linux since 6.14 (and stable kernels that have its fix of the race of fork and cgroup.kill) ends a child at its birth
 * where the groups of parent and child were not killed equally often by cgroup.kill, be it years ago: cgroup_post_fork
 * compares the one's count with the other's. Such a child moves itself instead.
 */
static long fork_with(uint64_t flags, int cgroup, int *pidfd) {
  if (cgroup < 0) return clone_with(flags, cgroup, pidfd);
  int said = 0;
  long pid = fork_said(flags, cgroup, -1, pidfd, &said);
  if (pid <= 0 || said != EOWNERDEAD) return pid;
  int procs = openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  if (procs < 0) return -1;
  pid = fork_said(flags, -1, procs, pidfd, &said);
  close(procs);
  if (pid <= 0 || said == 0) return pid;
  errno = said == EOWNERDEAD ? ECHILD : said;
  return -1;
}

/* In the child: nothing of the parent's but the slots and one channel. */
static void become(struct run *run, unsigned process, int fd, struct left *left) {
  unsigned parent = run->process;
  for (unsigned p = 0; p < MAX_PROCESSES; p++) channel_close(&run->to[p]);
  memset(run->child, 0, sizeof run->child);
  run->process = process;
  run->parent = (int)parent;
  run->to[parent] = channel_new(fd, left);
  run->nmade = 0;
  run->planner_pid = 0;
  if (run->planner >= 0) close(run->planner);
  run->planner = -1;
  if (run->log >= 0) close(run->log); /* process 0 speaks */
  run->log = -1;
  guard_forget();
  time_limit_forget();
}

int op_clone(struct run *run, const struct step *step) {
  int64_t process = arg_int(run, step, 0);
  uint64_t flags = (uint64_t)arg_int(run, step, 1);
  if (process < 1 || process >= run->plan->nprocesses || run->to[process] || process == run->process) {
    detail(run, "the plan starts process %lld at a wrong place", (long long)process);
    return -E_DETAIL;
  }
  /* What would share memory or descriptors with the child is no start of a process. */
  if (flags & (CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_VFORK | CLONE_SIGNALS))
    return -EINVAL;
  int ends[2], pidfd = -1;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
  struct left *left = channel_memory();
  sigset_t all, old;
  every_signal(&all);
  signal_mask(SIG_BLOCK, &all, &old); /* a signal meant for the child must not find our handlers in it */
  int cgroup = arg_fd(run, step, 2);
  long pid = joins_pending() ? fork_joined(run, flags, cgroup, &pidfd, fork_with) : fork_with(flags, cgroup, &pidfd);
  int error = errno;
  if (pid == 0) {
    close(ends[0]);
    become(run, (unsigned)process, high_fd(ends[1]), left);
    signal_mask(SIG_SETMASK, &old, NULL);
    return 0;
  }
  signal_mask(SIG_SETMASK, &old, NULL);
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return -error;
  }
  run->to[process] = channel_new(high_fd(ends[0]), left);
  run->child[process] = flags & CLONE_PARENT ? 0 : (pid_t)pid;
  out_int(run, step, 3, pid);
  out_int(run, step, 4, pidfd);
  return 0;
}
