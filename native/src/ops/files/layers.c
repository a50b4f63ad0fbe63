/* Having `ctr-layers`, the program for layers of images that lies beside this one, carry out a request. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "args.h"
#include "descriptors.h"
#include "io.h"
#include "kernel.h"
#include "layers_reply.h"
#include "own_file.h"
#include "own_limits.h"
#include "plan.h"
#include "rights.h"
#include "run.h"
#include "start.h"
#include "trust.h"
#include "words.h"

enum {
  HIGH = 32,          /* where descriptors wait until they are put in order */
  LOOK_MS = 200,      /* a signal between our look and poll(2) does not wake it */
  PATIENCE_MS = 10000 /* for it to take back what it made, once it was told to end */
};

/* Its path. NULL with words. */
static char *program(struct run *run) {
  static const char relative[] = "../lib/ctr-layers";
  const struct launcher_file *own = &run->start->own;
  if (!*own->path) {
    detail(run, "ctr-layers lies beside the launcher's file, which cannot be found: it is in another root, or /proc is not mounted");
    return NULL;
  }
  char *path = beside(own->path, relative);
  if (!path) {
    detail(run, "the program for layers is missing: no %s beside %s; install the package again", relative, own->path);
    return NULL;
  }
  const char *culprit = path, *why = "cannot be looked at";
  if (geteuid() != 0 || trusted(path, own->owner, &culprit, &why) == 0) return path;
  detail(run, "will not run %s as root: %s %s; make it root's, writable by root alone", path, culprit, why);
  free(path);
  return NULL;
}

/* The request as a file: each field with a NUL behind it. */
static int request_file(struct run *run, const struct step *step) {
  char **fields = arg_list(run, step, 0, NULL);
  limits_lift();
  int fd = high_fd((int)AGAIN(syscall(SYS_memfd_create, "layers", 1u)));
  long rc = fd < 0 ? fd : 0;
  for (; rc == 0 && *fields; fields++) rc = write_all(fd, *fields, strlen(*fields) + 1);
  limits_restore();
  if (rc == 0) rc = AGAIN(lseek(fd, 0, SEEK_SET));
  if (rc < 0) close_fd(fd);
  return rc < 0 ? (int)rc : fd;
}

static int put(int from, int to) { return from < 0 || dup2(from, to) < 0 ? -errno : 0; }

/* In the child: the request, 1 and 2 as they are, our socket, the descriptors given; and nothing else. */
static _Noreturn void become(const char *file, int request, int socket, const int64_t *given, unsigned count, pid_t parent) {
  char *argv[] = {(char *)"ctr-layers", NULL}, *none[] = {NULL};
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(125);
  request = fcntl(request, F_DUPFD, HIGH);
  socket = fcntl(socket, F_DUPFD, HIGH);
  int high[16], rc = count > 16 ? -E2BIG : 0;
  for (unsigned i = 0; rc == 0 && i < count; i++) {
    high[i] = fcntl((int)given[i], F_DUPFD, HIGH);
    if (high[i] < 0) rc = -errno;
  }
  if (rc == 0) rc = put(request, 0);
  if (rc == 0) rc = put(socket, LAYERS_SOCKET);
  for (unsigned i = 0; rc == 0 && i < count; i++) rc = put(high[i], LAYERS_GIVEN + (int)i);
  if (rc == 0) {
    close_from(LAYERS_GIVEN + (int)count);
    execve(file, argv, none);
    rc = -errno;
    socket = LAYERS_SOCKET;
  }
  struct layers_reply reply = {.error = -rc};
  (void)send(socket, &reply, offsetof(struct layers_reply, text), MSG_NOSIGNAL);
  _exit(125);
}

/* What it says: true once it has said it, or has ended without a word (*length is then 0). */
static bool hear(int socket, struct layers_reply *reply, size_t *length, int *fd) {
  struct iovec bytes = {.iov_base = reply, .iov_len = sizeof *reply};
  int given;
  long n = receive_right(socket, &bytes, 1, MSG_DONTWAIT, &given);
  if (n == -EAGAIN) return false;
  *length = n > 0 ? (size_t)n : 0;
  if (given >= 0) *fd = given;
  return true;
}

/* Wait for its answer and its end. One that is told to end takes back what it made first. */
static int attend(pid_t pid, int socket, struct layers_reply *reply, size_t *length, int *fd) {
  uint64_t until = 0;
  int status = 0;
  while (!hear(socket, reply, length, fd)) {
    struct pollfd p = {.fd = socket, .events = POLLIN};
    if (guard_caught() && !until) {
      kill(pid, SIGTERM);
      until = now_ns() + PATIENCE_MS * 1000000ull;
    }
    if (until && now_ns() > until) kill(pid, SIGKILL);
    (void)poll(&p, 1, LOOK_MS);
  }
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

/* What it did although a signal came meanwhile is done: that is for the steps that follow to take back. */
static int verdict(struct run *run, const struct step *step, const struct layers_reply *reply, size_t length, int fd,
                   int status) {
  size_t head = offsetof(struct layers_reply, text), text = length > head ? length - head : 0;
  if (guard_caught() && (length < head || reply->error)) return -EINTR;
  if (length < head) {
    if (WIFSIGNALED(status)) detail(run, "ctr-layers was killed by %s", signal_name(WTERMSIG(status)));
    else detail(run, "ctr-layers ended without an answer");
    return -E_DETAIL;
  }
  if (reply->error) {
    detail(run, "%.*s", (int)text, reply->text);
    return -reply->error;
  }
  if (fd < 0) return out_text(run, step, 2, reply->text, text);
  out_int(run, step, 2, fd);
  return 0;
}

int op_layers(struct run *run, const struct step *step) {
  static struct layers_reply reply;
  unsigned count;
  int64_t *given = arg_ints(run, step, 1, &count);
  char *file = program(run);
  if (!file) return -E_DETAIL;
  int pair[2], fd = -1, request = request_file(run, step);
  if (request < 0) return request;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return -errno;
  int ours = high_fd(pair[0]), theirs = high_fd(pair[1]);
  pid_t parent = getpid(), pid = fork();
  if (pid == 0) become(file, request, theirs, given, count, parent);
  int rc = pid < 0 ? -errno : 0, status = 0;
  size_t length = 0;
  close_fd(request);
  close_fd(theirs);
  if (rc == 0) status = attend(pid, ours, &reply, &length, &fd);
  close_fd(ours);
  free(file);
  fd = above_stdio(fd);
  if (rc == 0) rc = verdict(run, step, &reply, length, fd, status);
  if (rc < 0) close_fd(fd);
  return rc;
}
