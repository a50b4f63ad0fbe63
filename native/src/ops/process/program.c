/* Running a program to its end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "args.h"
#include "channel.h"
#include "descriptors.h"
#include "exec.h"
#include "io.h"
#include "kernel.h"
#include "lifeline.h"
#include "plan.h"
#include "program.h"
#include "run.h"
#include "signals.h"
#include "sys.h"
#include "words.h"

enum { KEPT = 600, LINES = 5 }; /* the end of a helper's output that its failure shows: bytes, lines */

struct helper {
  struct program *program;
  pid_t pid;
  int in, out, said; /* our ends; -1 once done with */
  const char *input;
  size_t left;
  char output[KEPT];
  size_t kept;
  bool too_much; /* it said more than there is room for */
};

/* Both ends of its pipes. */
struct pipes {
  int in[2], out[2], complain[2], said[2];
};

static _Noreturn void child(struct run *run, const struct program *program, const struct lifeline *line,
                            const struct pipes *pipes) {
  sigset_t none;
  signals_to_default();
  sigemptyset(&none);
  signal_mask(SIG_SETMASK, &none, NULL);
  setpgid(0, 0); /* so that the time limit ends its children too, and our death does */
  lifeline_join(line);
  int error = 0;
  if (program->root >= 0 && fchdir(program->root) < 0) error = errno;
  if (*program->cwd) (void)chdir(program->cwd);
  int out = pipes->out[1];
  if (dup2(pipes->in[0], 0) < 0 || dup2(program->room ? pipes->said[1] : out, 1) < 0 || dup2(out, 2) < 0) error = errno;
  /* Nothing of the caller's: a helper has its three. The pipe for our words is the one above. */
  if (!error && dup2(pipes->complain[1], 3) == 3) {
    fcntl(3, F_SETFD, FD_CLOEXEC);
    close_from(4);
    error = -exec_command(run, program->file, program->argv, program->env, REFUSE_UNKNOWN);
    (void)write_all(3, &error, sizeof error);
    (void)write_all(3, run->detail, sizeof run->detail);
  }
  leave(127);
}

/* Keep the end of what it says. */
static void keep(struct helper *h, const char *from, size_t n) {
  if (n > KEPT) {
    from += n - KEPT;
    n = KEPT;
  }
  if (h->kept + n > KEPT) {
    size_t drop = h->kept + n - KEPT;
    memmove(h->output, h->output + drop, h->kept - drop);
    h->kept -= drop;
  }
  memcpy(h->output + h->kept, from, n);
  h->kept += n;
}

static void done(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static void listen_to(struct helper *h) {
  char buffer[1024];
  for (;;) {
    ssize_t n = read(h->out, buffer, sizeof buffer);
    if (n > 0) keep(h, buffer, (size_t)n);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) done(&h->out);
    if (n <= 0) return;
  }
}

/* Its stdout, where that is wanted for itself: all of it, or it is ended. */
static void take_down(struct helper *h) {
  struct program *program = h->program;
  for (;;) {
    char more;
    size_t left = program->room - program->length;
    ssize_t n = left ? read(h->said, program->said + program->length, left) : read(h->said, &more, 1);
    if (n > 0 && !left) h->too_much = true;
    if (n > 0 && left) program->length += (size_t)n;
    if (n == 0 || h->too_much || (n < 0 && errno != EAGAIN && errno != EINTR)) done(&h->said);
    if (n <= 0 || h->too_much) return;
  }
}

static void feed(struct helper *h) {
  ssize_t n = h->left ? write(h->in, h->input, h->left) : 0;
  if (n > 0) {
    h->input += n;
    h->left -= (size_t)n;
  }
  if (h->left == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) done(&h->in);
}

/* It has ended, and its PID is its own still: what is left of its group can be told from another's. */
static bool has_ended(pid_t pid) {
  siginfo_t info = {.si_pid = 0};
  return AGAIN(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT)) < 0 || info.si_pid == pid;
}

/* Whether it ended by itself: 0; -ETIMEDOUT, -EINTR for a signal that is to end us, or why our parent wants no more of it. */
static int attend(struct run *run, struct helper *h, int64_t timeout) {
  uint64_t until = now_ns() + (uint64_t)timeout * 1000000u;
  int pidfd = (int)sys_pidfd_open(h->pid); /* before Linux 5.3: look now and then */
  int result = 0;
  /* An undoing is not for what made us undo. */
  bool wanted = !guard_caught() && parent_gave_up(run) == 0;
  while (!has_ended(h->pid)) {
    uint64_t now = now_ns();
    if (timeout > 0 && now >= until) result = -ETIMEDOUT;
    else if (h->too_much) result = -EFBIG;
    else if (wanted) result = guard_caught() ? -EINTR : parent_gave_up(run);
    if (result < 0) break;
    struct pollfd fds[5] = {{.fd = h->in, .events = POLLOUT},
                            {.fd = h->out, .events = POLLIN},
                            {.fd = h->said, .events = POLLIN},
                            {.fd = pidfd, .events = POLLIN},
                            {.fd = wanted ? parent_descriptor(run) : -1, .events = POLLIN}};
    /* A signal between our look and poll does not interrupt it: look again now and then. */
    int wait = pidfd < 0 ? 10 : 200;
    if (timeout > 0 && (until - now) / 1000000 < (uint64_t)wait) wait = (int)((until - now) / 1000000) + 1;
    if (poll(fds, 5, wait) < 0) continue;
    if (fds[0].revents) feed(h);
    if (fds[1].revents) listen_to(h);
    if (fds[2].revents) take_down(h);
  }
  if (pidfd >= 0) close(pidfd);
  if (result < 0) kill(-h->pid, SIGKILL);
  if (h->out >= 0) listen_to(h);
  if (h->said >= 0) take_down(h);
  return result < 0 || !h->too_much ? result : -EFBIG;
}

/* Its last words, a few lines of them, in one. */
static const char *last_words(struct helper *h) {
  while (h->kept > 0 && strchr(" \t\r\n", h->output[h->kept - 1])) h->kept--;
  size_t from = h->kept;
  for (unsigned lines = 0; from > 0 && (h->output[from - 1] != '\n' || ++lines < LINES);) from--;
  while (from < h->kept && strchr(" \t\r\n", h->output[from])) from++;
  static char words[KEPT * 3 + 1];
  size_t n = 0;
  for (size_t i = from; i < h->kept; i++) {
    char c = h->output[i];
    if (c == '\n') {
      memcpy(words + n, " / ", 3);
      n += 3;
    } else {
      words[n++] = (unsigned char)c < ' ' ? ' ' : c;
    }
  }
  words[n] = 0;
  return words;
}

static int verdict(struct run *run, struct helper *h, int result, int status) {
  const char *file = h->program->file, *words = last_words(h), *colon = *words ? ": " : "";
  if (result == -EFBIG) {
    detail(run, "%s printed more than %zu bytes and was killed", file, h->program->room);
    return -E_DETAIL;
  }
  if (result == -ETIMEDOUT) {
    detail(run, "%s did not end in time and was killed%s%s", file, colon, words);
    return -E_DETAIL;
  }
  if (result < 0) return result;
  if (WIFSIGNALED(status)) {
    detail(run, "%s was killed by %s%s%s", file, signal_name(WTERMSIG(status)), colon, words);
    return -E_DETAIL;
  }
  if (WEXITSTATUS(status) != 0) {
    detail(run, "%s ended with status %d%s%s", file, WEXITSTATUS(status), colon, words);
    return -E_DETAIL;
  }
  return 0;
}

/* What the child wrote because it could not become the program: its errno and words. */
static int refused(struct run *run, int complaints) {
  int error = 0;
  ssize_t n;
  while ((n = read(complaints, &error, sizeof error)) < 0 && errno == EINTR) {
  }
  if (n == sizeof error && read(complaints, run->detail, sizeof run->detail) > 0)
    run->detail[sizeof run->detail - 1] = 0;
  close(complaints);
  return n == sizeof error ? -error : 0;
}

/* A pipe above 3, so that the child can put its own in order. */
static int high_pipe(int ends[2]) {
  if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
  ends[0] = high_fd(ends[0]);
  ends[1] = high_fd(ends[1]);
  return 0;
}

static int open_pipes(struct pipes *pipes, bool said) {
  *pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
  int result = high_pipe(pipes->in);
  if (result == 0) result = high_pipe(pipes->out);
  if (result == 0) result = high_pipe(pipes->complain);
  if (result == 0 && said) result = high_pipe(pipes->said);
  return result;
}

static void close_pipes(struct pipes *pipes) {
  int *all[] = {pipes->in, pipes->out, pipes->complain, pipes->said};
  for (unsigned i = 0; i < 4; i++) done(&all[i][0]), done(&all[i][1]);
}

int run_program(struct run *run, struct program *program) {
  struct pipes pipes;
  struct helper h = {.program = program, .in = -1, .out = -1, .said = -1};
  struct lifeline line;
  h.input = program->input;
  h.left = program->size;
  program->length = 0;
  int result = lifeline_begin(&line), status = 0;
  if (result < 0) return result;
  result = open_pipes(&pipes, program->room > 0);
  if (result < 0) {
    close_pipes(&pipes);
    lifeline_end(&line);
    return result;
  }
  sigset_t pipe_signal, old;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE); /* a helper may not care for its stdin */
  signal_mask(SIG_BLOCK, &pipe_signal, &old);
  tell_of_helper(run, true);
  h.pid = fork();
  if (h.pid == 0) child(run, program, &line, &pipes);
  result = -errno;
  h.in = pipes.in[1];
  h.out = pipes.out[0];
  h.said = pipes.said[0];
  int complaints = pipes.complain[0];
  pipes.in[1] = pipes.out[0] = pipes.said[0] = pipes.complain[0] = -1;
  close_pipes(&pipes);
  if (h.pid > 0) {
    setpgid(h.pid, h.pid); /* both do it: whoever is first */
    fcntl(h.in, F_SETFL, O_NONBLOCK);
    fcntl(h.out, F_SETFL, O_NONBLOCK);
    if (h.said >= 0) fcntl(h.said, F_SETFL, O_NONBLOCK);
    result = refused(run, complaints); /* waits for its execve, by which the pipe closes */
    bool runs = result == 0;
    if (runs) result = attend(run, &h, program->timeout);
    lifeline_end(&line);
    long ended = AGAIN(waitpid(h.pid, &status, 0));
    if (result == 0 && ended < 0) result = (int)ended;
    if (runs) result = verdict(run, &h, result, status);
  } else {
    close(complaints);
    lifeline_end(&line);
  }
  tell_of_helper(run, false);
  done(&h.in);
  done(&h.out);
  done(&h.said);
  struct timespec now = {0, 0};
  while (sigtimedwait(&pipe_signal, NULL, &now) > 0) {
  }
  signal_mask(SIG_SETMASK, &old, NULL);
  return result;
}
