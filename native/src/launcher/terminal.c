/*
 * Relaying between our terminal (or whatever 0 and 1 are) and the container's pty. O_NONBLOCK
 * is set on the pty alone: 0 and 1 share their descriptions with the caller. A write that waits
 * for somebody to read would make us deaf to signals and to the container's end, so what could
 * wait is opened anew, a socket is asked not to wait, and else a terminal gets single bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "arena.h"
#include "io.h"
#include "terminal.h"

enum { ROOM = 4096, EOT = 4, QUIET_MS = 100, PATIENCE_MS = 2000 };

void terminal_resize(struct terminal *t) {
  struct winsize size;
  if (t->pty < 0) return;
  for (int fd = 0; fd < 3; fd++)
    if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
      ioctl(t->pty, TIOCSWINSZ, &size);
      return;
    }
}

void terminal_raw(struct terminal *t) {
  struct termios raw;
  if (!t->saved) return;
  raw = *(struct termios *)t->saved;
  cfmakeraw(&raw);
  t->raw = tcsetattr(0, TCSANOW, &raw) == 0;
}

void terminal_restore(struct terminal *t) {
  /* Draining waits for who reads (tcsetattr(3)); where nobody does, it is not waited for. */
  if (t->raw) tcsetattr(0, t->nout > 0 ? TCSANOW : TCSADRAIN, t->saved);
  t->raw = false;
}

/* A description of our own of what 1 is: a terminal or pipe, which can keep a writer waiting. */
static int opened_anew(void) {
  struct stat st;
  if (fstat(1, &st) != 0 || (!S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode))) return 1;
  int fd = high_fd(open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat now;
  if (fd >= 0 && fstat(fd, &now) == 0 && now.st_rdev == st.st_rdev && now.st_ino == st.st_ino &&
      now.st_dev == st.st_dev)
    return fd;
  if (fd >= 0) close(fd);
  return 1;
}

void terminal_begin(struct terminal *t, int pty) {
  t->pty = pty;
  if (pty < 0) return;
  t->shown = opened_anew();
  t->in = t->out = true;
  t->to_pty = arena(ROOM);
  t->from_pty = arena(ROOM);
  fcntl(pty, F_SETFL, fcntl(pty, F_GETFL) | O_NONBLOCK);
  terminal_resize(t);
  struct termios now;
  if (tcgetattr(0, &now) != 0) return; /* stdin is not a terminal: nothing to make raw */
  t->saved = arena(sizeof now);
  memcpy(t->saved, &now, sizeof now);
  terminal_raw(t);
}

int terminal_poll(struct terminal *t, struct pollfd *fds) {
  if (t->pty < 0) return 0;
  fds[0] = (struct pollfd){.fd = t->pty};
  if (t->nout == 0) fds[0].events |= POLLIN;
  if (t->nin > 0) fds[0].events |= POLLOUT;
  if (fds[0].events == 0) fds[0].fd = -1; /* a hangup is told unasked, and again and again */
  fds[1] = (struct pollfd){.fd = t->in && t->nin == 0 ? 0 : -1, .events = POLLIN};
  fds[2] = (struct pollfd){.fd = t->nout > 0 ? t->shown : -1, .events = POLLOUT};
  return 3;
}

static bool lasting(ssize_t n) { return n < 0 && errno != EAGAIN && errno != EINTR; }

/* Nobody reads any more: the container's terminal hangs up, as any terminal does. */
static void hang_up(struct terminal *t) {
  close(t->pty);
  t->pty = -1;
}

static void take(struct terminal *t) {
  ssize_t n = read(0, t->to_pty, ROOM);
  if (n > 0) t->nin = (size_t)n;
  if (n == 0) t->to_pty[0] = EOT, t->nin = 1; /* the end of a pipe becomes the end of the terminal's input */
  if (n == 0 || lasting(n)) t->in = false;
}

static void put(struct terminal *t) {
  ssize_t n = write(t->pty, t->to_pty, t->nin);
  if (lasting(n)) t->nin = 0;
  if (n <= 0) return;
  t->nin -= (size_t)n;
  memmove(t->to_pty, t->to_pty + n, t->nin);
}

/* poll(2) has said that there is room for something, which need not be all of it. */
static ssize_t write_some(const struct terminal *t) {
  ssize_t n = send(t->shown, t->from_pty, t->nout, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n >= 0 || errno != ENOTSOCK) return n;
  return write(t->shown, t->from_pty, t->shown == 1 && isatty(1) ? 1 : t->nout);
}

static void show(struct terminal *t) {
  ssize_t n = write_some(t);
  if (lasting(n)) {
    t->nout = 0;
    hang_up(t);
  }
  if (n <= 0) return;
  t->nout -= (size_t)n;
  memmove(t->from_pty, t->from_pty + n, t->nout);
}

void terminal_relay(struct terminal *t, const struct pollfd *fds, int count) {
  if (count == 0 || t->pty < 0) return;
  if (fds[0].revents & POLLOUT) put(t);
  if (fds[0].revents & (POLLIN | POLLHUP | POLLERR) && t->nout == 0) {
    ssize_t n = read(t->pty, t->from_pty, ROOM);
    if (n > 0) t->nout = (size_t)n;
    if (n == 0 || lasting(n)) hang_up(t); /* EIO: nobody has the other end open */
  }
  if (fds[1].fd == 0 && fds[1].revents) take(t);
  if (t->pty >= 0 && fds[2].fd >= 0 && fds[2].revents) show(t);
}

void terminal_end(struct terminal *t) {
  t->in = false;
  while (t->pty >= 0) {
    struct pollfd fds[3];
    int count = terminal_poll(t, fds);
    /*
     * Others may hold the terminal open for ever; what the command wrote has come by now. Who does not
     * read it does not keep us: the end is to be told.
     */
    int ready = poll(fds, (nfds_t)count, t->nout > 0 ? PATIENCE_MS : QUIET_MS);
    if (ready == 0 || (ready < 0 && errno != EINTR)) break;
    if (ready > 0) terminal_relay(t, fds, count);
  }
  terminal_restore(t);
}
