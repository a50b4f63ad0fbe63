/* A plan being carried out. */
#ifndef CTR_RUN_H
#define CTR_RUN_H

#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan.h"
#include "words.h"

#define MAX_PROCESSES 8
#define MAX_SLOT_TEXT 65536

enum slot_kind { SLOT_EMPTY, SLOT_INT, SLOT_TEXT };

struct slot {
  enum slot_kind kind;
  int64_t number;
  char *text; /* malloc'd, NUL behind it */
  size_t length;
};

struct start;   /* start.h: what the launcher knew before there was a plan */
struct channel; /* channel.h: a socket to another process of the plan */

struct run {
  const struct plan *plan;
  struct slot *slots;
  unsigned process;                  /* which process of the plan this is */
  struct channel *to[MAX_PROCESSES]; /* channels to the others, or NULL */
  pid_t child[MAX_PROCESSES];        /* those that this process cloned and has not reaped, else 0 */
  int planner;                       /* the planner's socket, -1 if it has gone */
  const struct start *start;         /* or NULL: there was no planner */
  uint64_t started_ns;               /* CLOCK_MONOTONIC when the launcher began */
  uint32_t at;                       /* the step that is being carried out */
  char detail[WORDS];                /* words of the operation's own for the failure, if it has any */
  int parent;                        /* the process that cloned this one, -1: none, or it has let go */
  uint32_t *made, nmade;             /* steps of this process that have an undoing, in order */
  struct failure *relayed;           /* another process's failure, for E_RELAYED */
  int log;                           /* the log file, open from the start, or -1 */
  int log_format;
  pid_t planner_pid;                 /* 0: reaped */
  bool undoing_failed;               /* what was made is not all undone */
  bool planner_ended;                /* killed, and perhaps not reaped yet */
  bool peer_killed;                  /* a process of the plan died of SIGKILL before its command ran */
  bool filtered;                     /* a filter of the plan's holds this process: each system call may be refused */
};

/*
 * What an operation may return beside -errno and -E_DETAIL (words.h): run->relayed has the words of
 * the process that failed.
 */
#define E_RELAYED 4093

/*
 * An operation: 0, or a negative errno. What went wrong beyond the errno (which
 * path was missing, what a helper printed) it leaves in run->detail.
 */
typedef int op_fn(struct run *run, const struct step *step);

enum log_format { LOG_NONE, LOG_TEXT, LOG_JSON };
/* Everything that a run of this plan needs, but for the planner. */
void run_begin(struct run *run, const struct plan *plan);
/* One step; 0, 1 for a failure that is passed over, or what its operation says. */
int run_step(struct run *run, uint32_t at);
/* Carry out the plan as process `run->process`, with this log or NULL. Does not return. */
_Noreturn void run_plan(struct run *run, const char *log, enum log_format format);
/* The end of a process of the plan: undo what is marked for the end; then exit with `code`, or by `signal`. */
_Noreturn void run_end(struct run *run, int code, int signal);
/* The same after a failure: everything is taken down and the failure told. */
_Noreturn void run_failed(struct run *run, struct failure *failure);
/* End by `signal` as if it had not been caught, leaving no core; where that is impossible 128+N. */
_Noreturn void die_by_signal(int signal);

#endif
