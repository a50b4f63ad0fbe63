/*
 * A filter whose listener goes to another process. Once the filter is loaded, each call of this
 * process may wait for the one that is to have the listener: sendmsg(2) too, with which it would
 * be handed over. So a thread beside it, made before and without the filter, hands it over; the
 * two speak through memory alone, and until that is done the filtered one makes no call.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "arena.h"
#include "args.h"
#include "channel.h"
#include "io.h"
#include "kernel.h"
#include "plan.h"
#include "run.h"
#include "words.h"

enum { WAITING = -1, PENDING = 1 };

struct handover {
  struct channel *channel;
  _Atomic int listener; /* WAITING, then the descriptor, or -errno when there is none */
  _Atomic int result;   /* PENDING, then what sending it came to */
};

static void *hand_over(void *data) {
  struct handover *handover = data;
  int listener;
  while ((listener = atomic_load(&handover->listener)) == WAITING) sleep_ms(0);
  int result = listener < 0 ? 0 : channel_send(handover->channel, MSG_FD, 0, NULL, 0, listener);
  if (listener >= 0) close_fd(listener);
  /* The last that it does: what it shares with the other lies in the arena, which stays. */
  atomic_store(&handover->result, result);
  return NULL;
}

int op_seccomp_pass(struct run *run, const struct step *step) {
  size_t length;
  const void *filter = arg_blob(run, step, 0, &length);
  unsigned long flags = (unsigned long)arg_int(run, step, 1) | SECCOMP_FILTER_FLAG_NEW_LISTENER;
  unsigned peer;
  struct channel *channel = channel_of(run, step, 2, &peer);
  if (!channel) return -E_DETAIL;
  if (length == 0 || length % sizeof(struct sock_filter) != 0 ||
      length / sizeof(struct sock_filter) > BPF_MAXINSNS)
    return -EINVAL;
  struct sock_filter *copy = arena(length);
  memcpy(copy, filter, length);
  struct sock_fprog program = {.len = (unsigned short)(length / sizeof *copy), .filter = copy};
  struct handover *handover = arena(sizeof *handover);
  handover->channel = channel;
  atomic_store(&handover->listener, WAITING);
  atomic_store(&handover->result, PENDING);
  pthread_t thread;
  int failed = pthread_create(&thread, NULL, hand_over, handover);
  if (failed) return -failed;
  long rc = KERNEL(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  /* -1 is what the thread waits at; EPERM is told to it as another error, it only has to end. */
  atomic_store(&handover->listener, rc < 0 ? -EINVAL : (int)rc);
  int result;
  while ((result = atomic_load(&handover->result)) == PENDING) {
    /* Spinning: even sched_yield(2) might be asked about. The other needs two calls. */
  }
  if (rc < 0) {
    pthread_join(thread, NULL);
    if (rc == -EACCES) detail(run, "it needs CAP_SYS_ADMIN or no_new_privs");
    return (int)rc;
  }
  run->filtered = true;
  return result;
}
