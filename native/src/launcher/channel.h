/* What the processes of a plan tell each other. */
#ifndef CTR_CHANNEL_H
#define CTR_CHANNEL_H

#include "report.h"

enum message_type {
  MSG_POINT = 1, /* number: the point */
  MSG_FD,        /* a descriptor comes with it */
  MSG_EXEC,      /* the next thing is execve: the channel's end means that it worked */
  MSG_RUNNING,   /* my command runs, and I stay with it */
  MSG_BYE,       /* I go, all is well, go on without me */
  MSG_ABORT,     /* take down what you made, and go */
  MSG_FAILED,    /* payload: struct failure, as long as its sentence */
  MSG_WARNING,   /* payload: a sentence */
  MSG_STOPPED,   /* number: the signal that stopped my command; I am a PID 1 and cannot stop of it */
  MSG_STEP,      /* payload: struct step_done, of report.c */
  MSG_SIGNALED,  /* number: the signal that I would end by if I were no PID 1 */
  MSG_HELPER,    /* number: 1 before I start a program and wait for its end, 0 after it */
};

struct message {
  struct message *next;
  int fd; /* or -1 */
  uint32_t type;
  int32_t number;
  size_t length;
  char payload[]; /* NUL behind it */
};

struct channel {
  int fd;
  bool ended;   /* the other end is closed */
  bool exec;    /* MSG_EXEC came */
  bool running; /* MSG_RUNNING came */
  bool bye;     /* MSG_BYE came */
  bool aborted; /* MSG_ABORT came */
  bool helped;  /* the last MSG_HELPER was a 1 */
  int stopped;  /* the signal of MSG_STOPPED */
  int signaled; /* the signal of MSG_SIGNALED */
  struct failure *failed;
  struct message *queue; /* came but not asked for yet */
  struct left *left;     /* memory that both processes have, or NULL */
};

/* A failure that could perhaps not be sent. */
struct left;
/* Memory for one, for a channel to the process that is about to be cloned; NULL where there is none to be had. */
struct left *channel_memory(void);
struct channel *channel_new(int fd, struct left *left);
void channel_close(struct channel **channel);
int channel_send(struct channel *channel, enum message_type type, int number, const void *payload,
                 size_t length, int fd);
/* Leave a failure where the other process finds it when this one has gone: a store to memory, no system call. */
void channel_leave(struct channel *channel, const struct failure *failure);
/* Take in what has come; never waits. */
void channel_pump(struct run *run, struct channel *channel);
/*
 * Wait for a message of this type (and, for points, number) from process `peer`. 0 and *message,
 * which the caller frees; or a failure if the peer failed, died, or cannot send it any more.
 */
int channel_await(struct run *run, unsigned peer, enum message_type type, int number,
                  struct message **message);
/* Wait until the peer's command runs. */
int channel_await_exec(struct run *run, unsigned peer);
/* Why process `peer`, whose channel has ended without a word, has gone; reaps it. Into run->detail. */
int peer_gone(struct run *run, unsigned peer);
/* Why this process is not to go on: its parent said so, or has gone without a word. Into run->detail. 0: it is. Never waits. */
int parent_gave_up(struct run *run);
/* The channel to the parent for poll(2); -1 where nothing more can come. */
int parent_descriptor(const struct run *run);
/* Let the parent know that a program runs, which ends with this process only if this process is asked to end. */
void tell_of_helper(struct run *run, bool runs);
/* The channel to the process that argument `n` names; NULL with run->detail set if there is none. */
struct channel *channel_of(struct run *run, const struct step *step, unsigned n, unsigned *peer);

#endif
