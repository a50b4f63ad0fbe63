/* Bytes and descriptors to a unix socket: console, pidfd and seccomp listener (unix(7), SCM_RIGHTS). */
#include "args.h"
#include "kernel.h"
#include "plan.h"
#include "rights.h"
#include "run.h"
#include "send.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int connect_unix(const char *path) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  long anchor = -1;
  if (strlen(path) >= sizeof to.sun_path) {
    /* The address holds 108 bytes; a longer path goes by a descriptor of the socket's file. */
    anchor = AGAIN(open(path, O_PATH | O_CLOEXEC));
    if (anchor < 0) return (int)anchor;
    snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d", (int)anchor);
  } else {
    strcpy(to.sun_path, path);
  }
  long fd = AGAIN(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd >= 0) {
    long rc = AGAIN(connect((int)fd, (struct sockaddr *)&to, sizeof to));
    if (rc < 0) {
      close_fd((int)fd);
      fd = rc;
    }
  }
  close_fd((int)anchor);
  return (int)fd;
}

int op_send_fds(struct run *run, const struct step *step) {
  size_t length;
  const void *data = arg_blob(run, step, 1, &length);
  unsigned count;
  const int64_t *given = arg_ints(run, step, 2, &count);
  int fds[RIGHTS_MAX];
  unsigned n = 0;
  for (unsigned i = 0; i < count; i++) {
    if (given[i] < 0) continue;
    if (n == RIGHTS_MAX) return -E2BIG;
    fds[n++] = (int)given[i];
  }
  /* A stream carries descriptors only with at least one byte of data. */
  struct iovec bytes = {.iov_base = length ? (void *)(uintptr_t)data : (void *)(uintptr_t)"", .iov_len = length ? length : 1};
  int fd = connect_unix(arg_text(run, step, 0));
  if (fd < 0) return fd;
  long sent = send_rights(fd, &bytes, 1, fds, n);
  int rc = sent < 0 ? (int)sent : 0;
  while (rc == 0 && (size_t)sent < bytes.iov_len) {
    long more = AGAIN(send(fd, (const char *)bytes.iov_base + sent, bytes.iov_len - (size_t)sent, MSG_NOSIGNAL));
    if (more < 0) rc = (int)more;
    else sent += more;
  }
  close_fd(fd);
  return rc;
}
