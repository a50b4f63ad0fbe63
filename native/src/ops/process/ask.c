/* Questions to the planner, which stayed alive for them; and letting it go. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "args.h"
#include "io.h"
#include "kernel.h"
#include "ops.h"
#include "plan.h"
#include "planner.h"
#include "rights.h"
#include "run.h"
#include "send.h"
#include "words.h"

void planner_end(struct run *run) {
  if (run->planner >= 0) close(run->planner);
  run->planner = -1;
  /* It wrote all that it had to say, synchronously; its farewell would only cost time. */
  if (run->planner_pid > 0 && !run->planner_ended) kill(run->planner_pid, SIGKILL);
  run->planner_ended = true;
}

void planner_dismiss(struct run *run) {
  planner_end(run);
  if (run->planner_pid <= 0) return;
  while (waitpid(run->planner_pid, NULL, 0) < 0 && errno == EINTR) {
  }
  run->planner_pid = 0;
  /* A Node that stayed for questions makes what it speaks on non-blocking, for all who share it. */
  if (run->start) stdio_restore(run->start);
}

static int send_all(int fd, const void *data, size_t length) {
  for (const char *at = data; length > 0;) {
    ssize_t n = send(fd, at, length, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR && !guard_caught()) continue;
    if (n < 0) return -errno;
    at += n;
    length -= (size_t)n;
  }
  return 0;
}

static int receive_all(int fd, void *data, size_t length) {
  for (char *at = data; length > 0;) {
    ssize_t n = recv(fd, at, length, 0);
    if (n < 0 && errno == EINTR && !guard_caught()) continue;
    if (n < 0) return -errno;
    if (n == 0) return -ECONNRESET;
    at += n;
    length -= (size_t)n;
  }
  return 0;
}

/* The question's length, and with it the connection that the planner is to use, if there is one. */
static int send_length(int fd, uint32_t length, int connection) {
  struct iovec bytes = {.iov_base = &length, .iov_len = sizeof length};
  long n = send_rights(fd, &bytes, 1, &connection, connection >= 0);
  if (n < 0) return (int)n;
  return send_all(fd, (char *)&length + n, sizeof length - (size_t)n);
}

/* A connection for the planner; *connection is -1 where none is wanted. */
static int connection_for(struct run *run, const char *path, int *connection) {
  *connection = -1;
  if (!*path) return 0;
  *connection = connect_unix(path);
  if (*connection >= 0) return 0;
  detail(run, "connect to %s: %s", path, strerror(-*connection));
  return -E_DETAIL;
}

/* u32 length of the rest; topic, NUL, payload. The answer: u32 length of the rest; u8 status, text. */
int op_ask(struct run *run, const struct step *step) {
  const char *topic = arg_text(run, step, 0);
  size_t length, head = strlen(topic) + 1;
  const char *payload = arg_blob(run, step, 1, &length);
  if (run->planner < 0) {
    detail(run, "a stored plan has no planner to ask about %s", topic);
    return -E_DETAIL;
  }
  uint32_t total = (uint32_t)(head + length);
  int connection, result = connection_for(run, arg_text(run, step, 3), &connection);
  if (result == 0) result = send_length(run->planner, total, connection);
  if (connection >= 0) close(connection);
  if (result == 0) result = send_all(run->planner, topic, head);
  if (result == 0) result = send_all(run->planner, payload, length);
  if (result == 0) result = receive_all(run->planner, &total, sizeof total);
  if (result == 0 && (total < 1 || total > MAX_SLOT_TEXT)) result = -EPROTO;
  char *answer = NULL;
  if (result == 0) {
    answer = arena(total + 1);
    result = receive_all(run->planner, answer, total);
  }
  if (result == -ECONNRESET || result == -EPIPE) {
    detail(run, "the planner has gone");
    return -E_DETAIL;
  }
  if (result != 0) return result;
  answer[total] = 0;
  if (answer[0] != 0) {
    detail(run, "%s", answer + 1);
    return -E_DETAIL;
  }
  return out_text(run, step, 2, answer + 1, total - 1);
}
