/*
 * The channel between a process of the plan and the one that cloned it: SOCK_SEQPACKET, so a
 * message is whole or not at all, and close-on-exec, so its end tells that the other process
 * runs its command or is dead. Messages come in the order in which the other side sent them,
 * which need not be the order in which this side asks; what is not asked for yet waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "args.h"
#include "channel.h"
#include "io.h"
#include "plan.h"
#include "report.h"
#include "rights.h"
#include "run.h"
#include "watch_file.h"
#include "words.h"

struct head {
  uint32_t type;
  int32_t number;
};

struct left {
  _Atomic bool is_there;
  struct failure failure;
};

struct left *channel_memory(void) {
  void *memory = mmap(NULL, sizeof(struct left), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

struct channel *channel_new(int fd, struct left *left) {
  struct channel *channel = arena(sizeof *channel);
  *channel = (struct channel){.fd = fd, .left = left};
  return channel;
}

void channel_leave(struct channel *channel, const struct failure *failure) {
  if (!channel->left) return;
  channel->left->failure = *failure;
  atomic_store(&channel->left->is_there, true);
}

/* The other end is closed. What it left before is there by then. */
static void ended(struct channel *channel) {
  channel->ended = true;
  if (!channel->failed && channel->left && atomic_load(&channel->left->is_there))
    channel->failed = &channel->left->failure;
}

void channel_close(struct channel **channel) {
  if (*channel && (*channel)->fd >= 0) close((*channel)->fd);
  *channel = NULL;
}

int channel_send(struct channel *channel, enum message_type type, int number, const void *payload,
                 size_t length, int fd) {
  struct head head = {type, number};
  struct iovec parts[2] = {{&head, sizeof head}, {(void *)payload, length}};
  long sent = send_rights(channel->fd, parts, length ? 2 : 1, &fd, fd >= 0);
  return sent < 0 ? (int)sent : 0;
}

/* One message, without waiting. NULL: none yet, or the end. */
static struct message *receive(struct channel *channel) {
  ssize_t size;
  for (;;) {
    size = recv(channel->fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    if (size >= 0) break;
    /* ECONNRESET: the other end went with messages of ours unread; its own are still to be had. */
    if (errno == EINTR || errno == ECONNRESET) continue;
    if (errno != EAGAIN) ended(channel);
    return NULL;
  }
  if ((size_t)size < sizeof(struct head)) {
    ended(channel);
    return NULL;
  }
  size_t length = (size_t)size - sizeof(struct head);
  struct message *m = malloc(sizeof *m + length + 1);
  if (!m) die(125, "out of memory");
  struct head head;
  struct iovec parts[2] = {{&head, sizeof head}, {m->payload, length}};
  int fd;
  if (receive_right(channel->fd, parts, 2, MSG_DONTWAIT, &fd) != size) {
    free(m);
    ended(channel);
    return NULL;
  }
  *m = (struct message){.fd = fd, .type = head.type, .number = head.number, .length = length};
  m->payload[length] = 0;
  return m;
}

static void enqueue(struct channel *channel, struct message *m) {
  struct message **end = &channel->queue;
  while (*end) end = &(*end)->next;
  *end = m;
}

static void take_in(struct run *run, struct channel *channel, struct message *m) {
  switch (m->type) {
    case MSG_POINT:
    case MSG_FD: enqueue(channel, m); return;
    case MSG_EXEC: channel->exec = true; break;
    case MSG_RUNNING: channel->running = true; break;
    case MSG_BYE: channel->bye = true; break;
    case MSG_ABORT: channel->aborted = true; break;
    case MSG_STOPPED: channel->stopped = m->number; break;
    case MSG_SIGNALED: channel->signaled = m->number; break;
    case MSG_HELPER: channel->helped = m->number != 0; break;
    case MSG_WARNING: report_warning(run, m->payload); break;
    case MSG_STEP: report_step_of(run, m); break;
    case MSG_FAILED:
      channel->failed = arena(sizeof *channel->failed);
      memset(channel->failed, 0, sizeof *channel->failed);
      memcpy(channel->failed, m->payload,
             m->length < sizeof *channel->failed ? m->length : sizeof *channel->failed - 1);
      break;
  }
  free(m);
}

void channel_pump(struct run *run, struct channel *channel) {
  while (!channel->ended) {
    struct message *m = receive(channel);
    if (!m) return;
    take_in(run, channel, m);
  }
}

enum { LOOK_MS = 200 };

/*
 * Wait until something came. -EINTR only for a signal that is to end us; one that comes between
 * our look and poll does not interrupt it, so we look again now and then.
 */
static int wait_for(struct channel *channel) {
  struct pollfd fds[1 + MAX_WATCHED] = {{.fd = channel->fd, .events = POLLIN}};
  for (;;) {
    if (guard_caught()) return -EINTR;
    int ready = poll(fds, (nfds_t)(1 + watched_poll(fds + 1)), watched_timeout(LOOK_MS));
    if (ready < 0 && errno != EINTR) return -errno;
    if (ready < 0) continue;
    /* A limit may end it before its command runs; its descriptors close before it has left its group (do_exit). */
    if (fds[0].revents & POLLHUP) watched_look();
    watched_changed(fds + 1);
    if (fds[0].revents) return 0;
  }
}

/* A child whose channel has ended is about to be dead; if it is not soon, it is made so. */
static int reap(pid_t pid) {
  int status = 0;
  for (unsigned i = 0; i < 1000; i++) {
    pid_t got = waitpid(pid, &status, WNOHANG);
    if (got == pid) return status;
    if (got < 0 && errno != EINTR) return -1;
    sleep_ms(1);
  }
  kill(pid, SIGKILL);
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return status;
}

int peer_gone(struct run *run, unsigned peer) {
  if ((int)peer == run->parent) {
    detail(run, "the process that started this one has gone");
    return -E_DETAIL;
  }
  int status = run->child[peer] ? reap(run->child[peer]) : -1;
  run->child[peer] = 0;
  run->peer_killed = status >= 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  if (status >= 0 && WIFSIGNALED(status))
    detail(run, "its process was killed by %s", signal_name(WTERMSIG(status)));
  else if (status >= 0)
    detail(run, "its process ended early with status %d", WEXITSTATUS(status));
  else
    detail(run, "its process has gone");
  return -E_DETAIL;
}

static struct channel *to_parent(const struct run *run) { return run->parent >= 0 ? run->to[run->parent] : NULL; }

int parent_gave_up(struct run *run) {
  struct channel *up = to_parent(run);
  if (!up || run->filtered) return 0; /* a filter may refuse to let us look, which says nothing about the other */
  channel_pump(run, up);
  if (up->aborted) {
    detail(run, "the process that started this one gave up");
    return -E_DETAIL;
  }
  return up->ended && !up->bye && !up->exec ? peer_gone(run, (unsigned)run->parent) : 0;
}

int parent_descriptor(const struct run *run) {
  const struct channel *up = to_parent(run);
  return up && !up->ended && !run->filtered ? up->fd : -1;
}

void tell_of_helper(struct run *run, bool runs) {
  struct channel *up = to_parent(run);
  /* A parent that has gone is found out by who waits. */
  if (up && !up->ended) (void)channel_send(up, MSG_HELPER, runs, NULL, 0, -1);
}

/* What stands in the way of ever getting another message, or 0. */
static int hindrance(struct run *run, unsigned peer) {
  struct channel *channel = run->to[peer];
  if (channel->failed) {
    run->relayed = channel->failed;
    return -E_RELAYED;
  }
  if (channel->aborted) {
    detail(run, "the process that started this one gave up");
    return -E_DETAIL;
  }
  return 0;
}

int channel_await(struct run *run, unsigned peer, enum message_type type, int number,
                  struct message **message) {
  struct channel *channel = run->to[peer];
  for (;;) {
    channel_pump(run, channel);
    for (struct message **at = &channel->queue; *at; at = &(*at)->next) {
      if ((*at)->type != type || (type == MSG_POINT && (*at)->number != number)) continue;
      *message = *at;
      *at = (*at)->next;
      return 0;
    }
    int error = hindrance(run, peer);
    if (error) return error;
    if (channel->ended && channel->exec) {
      detail(run, "its process runs its command already");
      return -E_DETAIL;
    }
    if (channel->ended) return peer_gone(run, peer);
    error = wait_for(channel);
    if (error) return error;
  }
}

int channel_await_exec(struct run *run, unsigned peer) {
  struct channel *channel = run->to[peer];
  for (int error = 0;;) {
    int interrupted = error;
    channel_pump(run, channel);
    error = hindrance(run, peer);
    if (error) return error;
    if (channel->running || (channel->ended && (channel->exec || channel->bye))) return 0;
    if (channel->ended) return peer_gone(run, peer);
    if (interrupted) return interrupted; /* before its command runs: else the supervisor hands it on */
    error = wait_for(channel);
  }
}

struct channel *channel_of(struct run *run, const struct step *step, unsigned n, unsigned *peer) {
  int64_t value = arg_int(run, step, n);
  if (value < 0 || value >= MAX_PROCESSES || !run->to[value]) {
    detail(run, "the plan has no channel from process %u to %lld", run->process, (long long)value);
    return NULL;
  }
  *peer = (unsigned)value;
  return run->to[value];
}
