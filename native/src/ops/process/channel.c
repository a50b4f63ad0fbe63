/* Operations between a process of the plan and the one that cloned it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "channel.h"
#include "ops.h"
#include "plan.h"
#include "run.h"
#include "words.h"

/* The other end has gone: say why, and not that a pipe is broken. */
static int sent(struct run *run, unsigned peer, int result) {
  if (result != -EPIPE && result != -ECONNRESET) return result;
  struct channel *channel = run->to[peer];
  channel_pump(run, channel);
  if (channel->failed) {
    run->relayed = channel->failed;
    return -E_RELAYED;
  }
  if (channel->exec) {
    detail(run, "its process runs its command already");
    return -E_DETAIL;
  }
  return peer_gone(run, peer);
}

static int tell(struct run *run, const struct step *step, enum message_type type, int number, int fd) {
  unsigned peer;
  struct channel *channel = channel_of(run, step, 0, &peer);
  if (!channel) return -E_DETAIL;
  return sent(run, peer, channel_send(channel, type, number, NULL, 0, fd));
}

int op_notify(struct run *run, const struct step *step) {
  return tell(run, step, MSG_POINT, (int)arg_int(run, step, 1), -1);
}

int op_pass(struct run *run, const struct step *step) {
  int fd = arg_fd(run, step, 1);
  if (fd < 0) return -EBADF;
  return tell(run, step, MSG_FD, 0, fd);
}

static int hear(struct run *run, const struct step *step, enum message_type type, int number,
                struct message **message) {
  unsigned peer;
  if (!channel_of(run, step, 0, &peer)) return -E_DETAIL;
  return channel_await(run, peer, type, number, message);
}

int op_await(struct run *run, const struct step *step) {
  struct message *message;
  int result = hear(run, step, MSG_POINT, (int)arg_int(run, step, 1), &message);
  if (result == 0) free(message);
  return result;
}

int op_take(struct run *run, const struct step *step) {
  struct message *message;
  int result = hear(run, step, MSG_FD, 0, &message);
  if (result < 0) return result;
  int fd = message->fd;
  free(message);
  if (fd < 0) return -EBADF; /* too many open files here: the kernel dropped it */
  out_int(run, step, 1, fd);
  return 0;
}

int op_await_exec(struct run *run, const struct step *step) {
  unsigned peer;
  if (!channel_of(run, step, 0, &peer)) return -E_DETAIL;
  return channel_await_exec(run, peer);
}
