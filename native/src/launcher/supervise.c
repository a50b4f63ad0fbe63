/*
 * Staying with the command: signals, job control, the terminal, strays, and ending as it ends.
 *
 * Signals. All are blocked and read from a signalfd, which tells who sent them. One that the
 * terminal sent (SI_KERNEL) to the foreground process group has reached a child in the same
 * group already; every other one is handed on.
 *
 * PID 1 of a namespace gets no signal whose disposition is the default (pid_namespaces(7)): a
 * plain `sleep` in a new PID namespace would survive Ctrl-C and SIGTERM, and the shell's loop
 * with it. So where the kernel drops a signal that would have ended any other process, and the
 * child neither catches, ignores nor blocks it, it is killed, and we end by that signal. Where
 * it would have been stopped, it is stopped.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "args.h"
#include "channel.h"
#include "enumerations.h"
#include "guard.h"
#include "notify_socket.h"
#include "ops.h"
#include "plan.h"
#include "proc.h"
#include "report.h"
#include "run.h"
#include "signals.h"
#include "terminal.h"
#include "time_limit.h"
#include "watch_file.h"
#include "words.h"

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

struct watch {
  struct run *run;
  unsigned peer;
  pid_t pid;
  int pidfd, signals;
  bool by_signal;         /* end by the child's signal, not with 128+N */
  bool ended;
  int status;             /* as waitpid gives it */
  int dropped;            /* the signal for which we killed a PID 1 */
  int signaled;           /* the signal that the PID 1, a supervisor like us, would have ended by */
  struct terminal terminal;
};

static void send(struct watch *w, int signal) {
  if (w->ended) return;
  if (w->pidfd >= 0 && syscall(SYS_pidfd_send_signal, w->pidfd, signal, NULL, 0) == 0) return;
  kill(w->pid, signal);
}

static bool stops(int signal) { return signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU; }

static bool harmless(int signal) {
  return signal == SIGCHLD || signal == SIGCONT || signal == SIGURG || signal == SIGWINCH;
}

static const char *after(const char *text, const char *key) {
  const char *at = strstr(text, key);
  return at ? at + strlen(key) : "";
}

/* The child is PID 1 of a namespace and the kernel throws this signal away. */
static bool drops(struct watch *w, int signal) {
  char path[40], text[4096];
  snprintf(path, sizeof path, "/proc/%d/status", w->pid);
  ssize_t n = read_beginning(path, text, sizeof text - 1);
  if (n <= 0) return false;
  text[n] = 0;
  const char *ids = after(text, "\nNSpid:");
  size_t line = strcspn(ids, "\n");
  if (line < 2 || ids[line - 1] != '1' || ids[line - 2] != '\t') return false;
  unsigned long long minds = strtoull(after(text, "\nSigBlk:"), NULL, 16) |
                             strtoull(after(text, "\nSigIgn:"), NULL, 16) |
                             strtoull(after(text, "\nSigCgt:"), NULL, 16);
  return !(minds >> (signal - 1) & 1);
}

/* Stop as the child did, so that the shell sees its job stop; and go on with it. */
static void stop_ourselves(struct watch *w, int signal) {
  struct sigaction action, old;
  sigset_t one;
  struct channel *up = w->run->parent >= 0 ? w->run->to[w->run->parent] : NULL;
  /* A PID 1 is not stopped from within its namespace; the supervisor outside stops for both. */
  if (getpid() == 1 && up && channel_send(up, MSG_STOPPED, signal, NULL, 0, -1) == 0) return;
  terminal_restore(&w->terminal);
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, &old);
  sigemptyset(&one);
  sigaddset(&one, signal);
  kill(getpid(), signal);
  signal_mask(SIG_UNBLOCK, &one, NULL); /* here it stops, until somebody says SIGCONT */
  signal_mask(SIG_BLOCK, &one, NULL);
  sigaction(signal, &old, NULL);
  if (w->terminal.pty >= 0) terminal_raw(&w->terminal);
  terminal_resize(&w->terminal);
  send(w, SIGCONT);
}

static bool reached_already(struct watch *w, const struct signalfd_siginfo *info) {
  return info->ssi_code == SI_KERNEL && getpgid(w->pid) == getpgrp();
}

static void on_signal(struct watch *w, const struct signalfd_siginfo *info) {
  int signal = (int)info->ssi_signo;
  if (signal == SIGCHLD) return; /* reap() looks anyway */
  if (signal == SIGPIPE && info->ssi_pid == (uint32_t)getpid()) return; /* our own relay's */
  if (signal == SIGWINCH && w->terminal.pty >= 0) {
    terminal_resize(&w->terminal);
    return;
  }
  if (w->terminal.pty >= 0 && stops(signal)) {
    stop_ourselves(w, signal);
    return;
  }
  if (signal == SIGCONT && w->terminal.pty >= 0) terminal_raw(&w->terminal);
  bool lost = !harmless(signal) && drops(w, signal);
  if (!reached_already(w, info)) send(w, signal);
  if (!lost) return;
  if (stops(signal)) {
    send(w, SIGSTOP); /* from an ancestor namespace this one is never dropped */
    stop_ourselves(w, signal);
  } else {
    w->dropped = signal;
    send(w, SIGKILL);
  }
}

/* Everybody who has died or stopped; strays too, where we are a subreaper or a PID 1. */
static void reap(struct watch *w) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
    if (WIFSTOPPED(status)) {
      if (pid == w->pid && stops(WSTOPSIG(status)) && w->terminal.pty < 0)
        stop_ourselves(w, WSTOPSIG(status));
      continue;
    }
    for (unsigned p = 0; p < MAX_PROCESSES; p++)
      if (w->run->child[p] == pid) w->run->child[p] = 0;
    if (pid == w->run->planner_pid) w->run->planner_pid = 0;
    if (pid != w->pid) continue;
    w->ended = true;
    w->status = status;
  }
}

/* The child's failure is ours to hand on; that its command runs our parent wants to know. */
static void on_channel(struct watch *w) {
  struct run *run = w->run;
  struct channel *down = run->to[w->peer];
  channel_pump(run, down);
  if (down->failed) run_failed(run, down->failed);
  int stopped = down->stopped;
  down->stopped = 0;
  if (stopped) stop_ourselves(w, stopped);
  if (!down->running && !(down->ended && down->exec)) return;
  struct channel *up = run->parent >= 0 ? run->to[run->parent] : NULL;
  if (up && !up->ended) channel_send(up, MSG_RUNNING, 0, NULL, 0, -1);
  if (down->ended) channel_close(&run->to[w->peer]);
  else down->running = false;
}

static void on_parent(struct watch *w) {
  struct run *run = w->run;
  struct channel *up = run->to[run->parent];
  channel_pump(run, up);
  if (up->aborted) {
    terminal_restore(&w->terminal);
    detail(run, "the process that started this one gave up");
    run_failed(run, failure_of(run, run->at, E_DETAIL));
  }
  if (!up->ended) return;
  channel_close(&run->to[run->parent]);
  run->parent = -1;
}

static void block_signals(struct watch *w) {
  static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP};
  sigset_t all;
  every_signal(&all);
  for (unsigned i = 0; i < sizeof own / sizeof *own; i++) sigdelset(&all, own[i]);
  if (w->terminal.pty >= 0) {
    /* With these blocked, a read in the background would fail with EIO instead of stopping us. */
    sigdelset(&all, SIGTTIN);
    sigdelset(&all, SIGTTOU);
  }
  signal_mask(SIG_SETMASK, &all, NULL);
  w->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

/*
 * The command's time is over: SIGTERM first, as from outside, and after the grace SIGKILL. The command hears of it
 * before its children do, as from timeout(1): a shell that waits for one would otherwise end with it, its trap not run.
 */
static void on_time(struct watch *w) {
  int signal = time_limit_due();
  if (signal == SIGTERM) {
    on_signal(w, &(struct signalfd_siginfo){.ssi_signo = SIGTERM, .ssi_code = SI_USER});
    send(w, SIGCONT);
    time_limit_tell_others(w->pid);
  } else if (signal) {
    send(w, signal);
  }
}

static void look(struct watch *w) {
  struct run *run = w->run;
  struct pollfd fds[7 + MAX_WATCHED] = {{.fd = w->signals, .events = POLLIN}, {.fd = -1}, {.fd = -1}};
  if (run->to[w->peer]) fds[1] = (struct pollfd){.fd = run->to[w->peer]->fd, .events = POLLIN};
  if (run->parent >= 0 && run->to[run->parent])
    fds[2] = (struct pollfd){.fd = run->to[run->parent]->fd, .events = POLLIN};
  notify_socket_poll(fds + 3);
  int relayed = terminal_poll(&w->terminal, fds + 4);
  struct pollfd *files = fds + 4 + relayed;
  if (poll(fds, (nfds_t)(4 + relayed + watched_poll(files)), time_limit_wait(watched_timeout(-1))) < 0) return;
  watched_changed(files);
  notify_socket_relay(fds + 3);
  struct signalfd_siginfo info;
  if (fds[0].revents)
    while (read(w->signals, &info, sizeof info) == sizeof info) on_signal(w, &info);
  if (fds[1].revents) on_channel(w);
  if (fds[2].revents) on_parent(w);
  on_time(w);
  terminal_relay(&w->terminal, fds + 4, relayed);
  reap(w);
}

static void watch(struct watch *w) {
  struct run *run = w->run;
  reap(w);
  if (run->to[w->peer]) on_channel(w); /* it may run already: then nothing more comes from there */
  time_limit_begin();
  while (!w->ended || time_limit_left()) look(w);
  struct channel *down = run->to[w->peer];
  if (!down) return;
  channel_pump(run, down);
  if (down->failed) run_failed(run, down->failed);
  w->signaled = down->signaled;
  if (down->exec || down->bye || w->signaled) return;
  run->detail[0] = 0;
  run->peer_killed = WIFSIGNALED(w->status) && WTERMSIG(w->status) == SIGKILL;
  detail(run, "the process ended before its command ran (%s %d)",
         WIFSIGNALED(w->status) ? "signal" : "status",
         WIFSIGNALED(w->status) ? WTERMSIG(w->status) : WEXITSTATUS(w->status));
  struct failure *failure = failure_of(run, run->at, E_DETAIL);
  run_failed(run, failure);
}

int op_supervise(struct run *run, const struct step *step) {
  struct watch w = {
      .run = run,
      .peer = (unsigned)arg_int(run, step, 0) % MAX_PROCESSES,
      .pid = (pid_t)arg_int(run, step, 1),
      .pidfd = arg_fd(run, step, 2),
      .by_signal = arg_int(run, step, 3) == ENDING_BY_SIGNAL,
  };
  if (w.pid <= 0) return -ESRCH;
  w.terminal.pty = arg_fd(run, step, 4);
  block_signals(&w);
  if (w.signals < 0) return -errno;
  terminal_begin(&w.terminal, w.terminal.pty);
  int code, early = guard_take(&code); /* it came before the signals were blocked */
  if (early) on_signal(&w, &(struct signalfd_siginfo){.ssi_signo = (uint32_t)early, .ssi_code = code});
  watch(&w);
  terminal_end(&w.terminal);
  int signal = w.dropped ? w.dropped : WIFSIGNALED(w.status) ? WTERMSIG(w.status) : 0;
  if (w.dropped && !(WIFSIGNALED(w.status) && WTERMSIG(w.status) == SIGKILL))
    signal = WIFSIGNALED(w.status) ? WTERMSIG(w.status) : 0; /* it ended by itself, just before */
  if (w.signaled) signal = w.signaled;
  if (time_limit_reached(run)) run_end(run, TIME_LIMIT_CODE, 0);
  if (signal && w.by_signal) run_end(run, 128 + signal, signal);
  run_end(run, signal ? 128 + signal : WEXITSTATUS(w.status), 0);
}
