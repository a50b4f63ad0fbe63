/* Small things around system calls that several files need. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core.h"
#include "kernel.h"

uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* _exit(3) would try for ever. */
void leave(int code) {
  syscall(SYS_exit_group, code);
  __builtin_trap();
}

void sleep_ms(unsigned ms) {
  struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
  nanosleep(&t, NULL);
}

ssize_t write_all(int fd, const void *data, size_t length) {
  const char *at = data;
  while (length > 0) {
    ssize_t n = write(fd, at, length);
    if (n < 0) {
      if (errno == EINTR && !guard_caught()) continue;
      return -errno;
    }
    at += n;
    length -= (size_t)n;
  }
  return 0;
}

/*
 * A plan may dup2 onto any low number, and the caller's own descriptors keep theirs; so the
 * launcher's go where neither is likely. 200 is below every usual RLIMIT_NOFILE; where it is
 * not, the number stays.
 */
int high_fd(int fd) {
  if (fd < 0) return fd;
  int high = fcntl(fd, F_DUPFD_CLOEXEC, 200);
  if (high < 0) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
  }
  close(fd);
  return high;
}

void hold_stdio(void) {
  for (int fd = 0; fd < 3; fd++)
    if (fcntl(fd, F_GETFD) < 0) (void)!open("/dev/null", O_RDWR | O_CLOEXEC);
}

#define ERRNOS(X) \
  X(EPERM) X(ENOENT) X(ESRCH) X(EINTR) X(EIO) X(ENXIO) X(E2BIG) X(ENOEXEC) X(EBADF) X(ECHILD) \
  X(EAGAIN) X(ENOMEM) X(EACCES) X(EFAULT) X(ENOTBLK) X(EBUSY) X(EEXIST) X(EXDEV) X(ENODEV) \
  X(ENOTDIR) X(EISDIR) X(EINVAL) X(ENFILE) X(EMFILE) X(ENOTTY) X(ETXTBSY) X(EFBIG) X(ENOSPC) \
  X(ESPIPE) X(EROFS) X(EMLINK) X(EPIPE) X(EDOM) X(ERANGE) X(EDEADLK) X(ENAMETOOLONG) X(ENOLCK) \
  X(ENOSYS) X(ENOTEMPTY) X(ELOOP) X(ENODATA) X(EOVERFLOW) X(EUSERS) X(ENOTSOCK) X(EMSGSIZE) \
  X(EPROTONOSUPPORT) X(EOPNOTSUPP) X(EAFNOSUPPORT) X(EADDRINUSE) X(ECONNRESET) X(ENOTCONN) \
  X(ETIMEDOUT) X(ECONNREFUSED) X(EALREADY) X(ESTALE) X(EUCLEAN) X(EDQUOT) X(ENOKEY) \
  X(EKEYREVOKED) X(EPROTO)

const char *errno_name(int error) {
  switch (error) {
#define X(name) \
  case name: \
    return #name;
    ERRNOS(X)
#undef X
  }
  return "errno";
}

#define SIGNALS(X) \
  X(SIGHUP) X(SIGINT) X(SIGQUIT) X(SIGILL) X(SIGTRAP) X(SIGABRT) X(SIGBUS) X(SIGFPE) X(SIGKILL) \
  X(SIGUSR1) X(SIGSEGV) X(SIGUSR2) X(SIGPIPE) X(SIGALRM) X(SIGTERM) X(SIGCHLD) X(SIGCONT) \
  X(SIGSTOP) X(SIGTSTP) X(SIGTTIN) X(SIGTTOU) X(SIGURG) X(SIGXCPU) X(SIGXFSZ) X(SIGVTALRM) \
  X(SIGPROF) X(SIGWINCH) X(SIGIO) X(SIGPWR) X(SIGSYS)

const char *signal_name(int signal) {
  switch (signal) {
#define X(name) \
  case name: \
    return #name;
    SIGNALS(X)
#undef X
  }
  static char number[24];
  snprintf(number, sizeof number, "signal %d", signal);
  return number;
}

ssize_t read_beginning(const char *path, char *bytes, size_t room) {
  int fd;
  do fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  while (fd < 0 && errno == EINTR);
  if (fd < 0) return -errno;
  size_t length = 0;
  ssize_t n = 0;
  while (length < room && ((n = read(fd, bytes + length, room - length)) > 0 || (n < 0 && errno == EINTR)))
    if (n > 0) length += (size_t)n;
  int error = n < 0 ? errno : 0;
  close(fd);
  return error ? -error : (ssize_t)length;
}

int life_of(int64_t pid, int64_t *ticks, char *state) {
  char path[40], text[1024];
  snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
  ssize_t n = read_beginning(path, text, sizeof text - 1);
  if (n < 0) return n == -ENOENT ? -ESRCH : (int)n;
  text[n] = 0;
  /* The name in field 2 may hold anything, a parenthesis too; field 3 follows the last one. */
  char *at = strrchr(text, ')');
  if (at && at[1] == ' ') *state = at[2];
  for (unsigned field = 2; at && field < 22; field++) at = strchr(at + 1, ' ');
  if (!at) return -EPROTO;
  *ticks = strtoll(at + 1, NULL, 10);
  return 0;
}

int start_time_of(int64_t pid, int64_t *ticks) {
  char state;
  return life_of(pid, ticks, &state);
}
