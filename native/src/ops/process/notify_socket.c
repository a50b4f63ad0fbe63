/*
 * A container says READY=1 on a socket of ours (sd_notify(3)), and the manager hears it from a process in the
 * service's own group, for it takes nothing from others: with the PID that is to be the service's main one, which
 * the container cannot know. All else that a container says is not passed on, MAINPID and FDSTORE least of all.
 * What is sent, and in which order, is runc's (notify_socket.go).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "args.h"
#include "io.h"
#include "kernel.h"
#include "notify_socket.h"
#include "ops.h"
#include "plan.h"
#include "rights.h"
#include "run.h"

enum { LOOK_MS = 200, BARRIER_MS = 30000 };

/* An address holds 108 bytes, so the socket is bound below a descriptor of its directory. */
int op_notify_listen(struct run *run, const struct step *step) {
  const char *path = arg_text(run, step, 0), *name = strrchr(path, '/');
  char directory[PATH_MAX], short_path[64];
  if (!name || (size_t)(name - path) >= sizeof directory) return -ENAMETOOLONG;
  snprintf(directory, sizeof directory, "%.*s", (int)(name - path), path);
  long anchor = AGAIN(open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (anchor < 0) return (int)anchor;
  snprintf(short_path, sizeof short_path, "/proc/self/fd/%ld%s", anchor, name);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", short_path);
  long rc = 0, fd = AGAIN(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd < 0) rc = fd;
  if (rc == 0 && unlinkat((int)anchor, name + 1, 0) < 0 && errno != ENOENT) rc = -errno;
  if (rc == 0) rc = AGAIN(bind((int)fd, (struct sockaddr *)&address, sizeof address));
  /* Whatever user the container has may speak. */
  if (rc == 0) rc = AGAIN(fchmodat((int)anchor, name + 1, 0777, 0));
  close_fd((int)anchor);
  if (rc < 0) close_fd((int)fd);
  else out_int(run, step, 1, high_fd((int)fd));
  return (int)rc;
}

/* Whether a datagram has a line READY=1; others are read and forgotten. */
static bool says_ready(int fd) {
  char text[4096];
  ssize_t n;
  while ((n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT)) >= 0) {
    text[n] = 0;
    for (char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
      if (strncmp(line, "READY=1", 7) == 0 && (line[7] == '\n' || line[7] == 0)) return true;
  }
  return false;
}

/* A connected socket to the manager's: a path, or @ and an abstract name (unix(7)). */
static int connect_manager(const char *to) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(to);
  if (length >= sizeof address.sun_path) return -ENAMETOOLONG;
  memcpy(address.sun_path, to, length);
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (*to == '@' ? 0 : 1));
  if (*to == '@') address.sun_path[0] = 0;
  long fd = AGAIN(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (fd < 0) return (int)fd;
  long rc = AGAIN(connect((int)fd, (struct sockaddr *)&address, size));
  if (rc == 0) return (int)fd;
  close_fd((int)fd);
  return (int)rc;
}

static int tell(int manager, const char *text, int passed) {
  struct iovec bytes = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
  long sent = send_rights(manager, &bytes, 1, &passed, passed >= 0);
  return sent < 0 ? (int)sent : 0;
}

/*
 * sd_notify_barrier(3): the manager closes the pipe once it has read what came before. Who goes earlier is
 * gone when it looks which service the sender belongs to. Without an answer it is left at that.
 */
static int barrier(int manager) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
  int rc = tell(manager, "BARRIER=1", ends[1]);
  close(ends[1]);
  struct pollfd end = {.fd = ends[0]};
  for (int waited = 0; rc == 0 && waited < BARRIER_MS && !guard_caught(); waited += LOOK_MS)
    if (poll(&end, 1, LOOK_MS) > 0) break;
  close(ends[0]);
  return rc;
}

static int tell_manager(const char *to, int64_t pid, bool stays) {
  char main_pid[40];
  snprintf(main_pid, sizeof main_pid, "MAINPID=%lld\n", (long long)pid);
  int manager = connect_manager(to);
  if (manager < 0) return manager;
  int rc = tell(manager, "READY=1\n", -1);
  if (rc == 0) rc = tell(manager, main_pid, -1);
  if (rc == 0 && !stays) rc = barrier(manager);
  close_fd(manager);
  return rc;
}

/* What the supervisor relays from, until READY=1 came. */
static struct {
  int fd;
  const char *to;
} kept = {.fd = -1};

void notify_socket_poll(struct pollfd *fd) { *fd = (struct pollfd){.fd = kept.fd, .events = POLLIN}; }

void notify_socket_relay(const struct pollfd *fd) {
  if (kept.fd < 0 || !fd->revents || !says_ready(kept.fd)) return;
  (void)tell_manager(kept.to, getpid(), true); /* who asked for it may have gone */
  close(kept.fd);
  kept.fd = -1;
}

int op_notify_keep(struct run *run, const struct step *step) {
  kept.fd = arg_fd(run, step, 0);
  kept.to = arg_text(run, step, 1);
  return 0;
}

/* Until the container is ready, or its first process has ended. */
int op_notify_relay(struct run *run, const struct step *step) {
  struct pollfd fds[2] = {{.fd = arg_fd(run, step, 0), .events = POLLIN}, {.fd = arg_fd(run, step, 3), .events = POLLIN}};
  for (;;) {
    if (guard_caught()) return -EINTR;
    if (poll(fds, 2, LOOK_MS) < 0 && errno != EINTR) return -errno;
    if (says_ready(fds[0].fd)) break;
    if (fds[1].revents) return 0;
  }
  close(fds[0].fd);
  return tell_manager(arg_text(run, step, 1), arg_int(run, step, 2), false);
}
