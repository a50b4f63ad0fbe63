/* Carrying out a plan: each process its own steps in order, and back again when one fails. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "args.h"
#include "channel.h"
#include "end_words.h"
#include "enumerations.h"
#include "exec.h"
#include "guard.h"
#include "io.h"
#include "ns.h"
#include "ops.h"
#include "plan.h"
#include "planner.h"
#include "report.h"
#include "run.h"
#include "shape.h"
#include "signals.h"
#include "sys.h"
#include "words.h"

enum { FAULT_FAIL = 1, FAULT_DIE = 2 };
enum { PATIENCE_MS = 10000 }; /* for a child that takes down what it made */

void run_begin(struct run *run, const struct plan *plan) {
  *run = (struct run){.plan = plan, .planner = -1, .started_ns = now_ns(), .parent = -1, .log = -1};
  run->slots = arena(plan->nslots * sizeof *run->slots + 1);
  memset(run->slots, 0, plan->nslots * sizeof *run->slots);
  run->made = arena(plan->nsteps * sizeof *run->made);
}

int run_step(struct run *run, uint32_t at) {
  const struct plan *plan = run->plan;
  const struct step *step = &plan->steps[at];
  run->at = at;
  run->detail[0] = 0;
  if (plan->fault_step == at + 1) {
    if (plan->fault_mode == FAULT_DIE) kill(getpid(), SIGKILL);
    if (plan->fault_mode == FAULT_FAIL) {
      detail(run, "fault asked for at step %u", at);
      return -EIO;
    }
  }
  bool told = plan->flags & PLAN_DEBUG && plan->log_format != LOG_NONE;
  uint64_t began = told ? now_ns() : 0;
  /* What does not come back is told before it goes. */
  if (told && op_does(step->op, DOES_ENDS | DOES_STAYS)) report_step(run, at, began, 0, 0);
  int result = op_shape(step->op)->fn(run, step);
  bool passed_over = false;
  for (uint32_t i = 0; result < 0 && i < step->nunless && !passed_over; i++) {
    int64_t passed = (int64_t)plan->cells[step->unless + i].value;
    passed_over = passed == -1 || passed == -result;
  }
  /* A clone comes back twice, and is told by who made it. */
  if (told && step->process == run->process && (result >= 0 || passed_over))
    report_step(run, at, began, now_ns() - began, passed_over ? -result : 0);
  return passed_over ? 1 : result;
}

static void warn_of(struct run *run, uint32_t at, int error) {
  struct failure *f = failure_of(run, at, error);
  report_warning(run, f->sentence);
}

/* A state says what is left to be undone, so it goes when everything else has gone, whenever it was made. */
static bool goes_last(struct run *run, const struct step *undoing) {
  return undoing->op == OP_REMOVE && arg_int(run, undoing, 1) == REMOVAL_RECORD;
}

/* Backwards; one that fails is told and the others still run. */
static void undo_those(struct run *run, unsigned at_least, bool last) {
  for (uint32_t left = run->nmade; left > 0; left--) {
    const struct step *step = &run->plan->steps[run->made[left - 1]];
    if (step->undo_when < at_least || goes_last(run, &run->plan->steps[step->undo]) != last) continue;
    int result = run_step(run, step->undo);
    if (result >= 0) continue;
    /* A hook that fails is a warning, and what follows is done as if it had not (runtime.md, "Lifecycle", 13). */
    if (run->plan->steps[step->undo].op != OP_HELPER) run->undoing_failed = true;
    warn_of(run, step->undo, -result);
  }
}

static void undo(struct run *run, unsigned at_least) {
  undo_those(run, at_least, false);
  undo_those(run, at_least, true);
  run->nmade = 0;
}

/* A child with children, programs or makings of its own is asked to take them down; any other is just killed. */
static bool must_be_asked(struct run *run, unsigned process) {
  const struct plan *plan = run->plan;
  if (run->to[process]) channel_pump(run, run->to[process]);
  if (run->to[process] && run->to[process]->helped) return true;
  for (uint32_t i = 0; i < plan->nsteps; i++)
    if (plan->steps[i].process == process && (plan->steps[i].undo_when || op_does(plan->steps[i].op, DOES_CLONES)))
      return true;
  return false;
}

static void ask_to_go(struct run *run, unsigned process) {
  struct channel *channel = run->to[process];
  if (!channel || channel->ended || channel_send(channel, MSG_ABORT, 0, NULL, 0, -1) != 0) return;
  uint64_t until = now_ns() + PATIENCE_MS * 1000000ull;
  while (!channel->ended) {
    channel_pump(run, channel);
    uint64_t now = now_ns();
    if (channel->ended || now >= until) return;
    struct pollfd p = {.fd = channel->fd, .events = POLLIN};
    poll(&p, 1, (int)((until - now) / 1000000) + 1);
  }
}

static void end_children(struct run *run) {
  for (unsigned p = 0; p < MAX_PROCESSES; p++) {
    if (!run->child[p]) continue;
    if (must_be_asked(run, p)) ask_to_go(run, p);
    kill(run->child[p], SIGKILL);
    while (waitpid(run->child[p], NULL, 0) < 0 && errno == EINTR) {
    }
    run->child[p] = 0;
  }
}

void die_by_signal(int signal) {
  struct rlimit none = {0, 0};
  struct sigaction action;
  sigset_t one;
  setrlimit(RLIMIT_CORE, &none);
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  sigaction(signal, &action, NULL);
  sigemptyset(&one);
  sigaddset(&one, signal);
  kill(getpid(), signal);
  signal_mask(SIG_UNBLOCK, &one, NULL);
  leave(128 + signal); /* PID 1 of a namespace cannot die of it */
}

void run_failed(struct run *run, struct failure *failure) {
  planner_dismiss(run);
  end_children(run);
  end_status_fill(run, failure->exit_code);
  undo(run, 1);
  const char *limit = failure->killed ? end_words_early() : NULL;
  if (limit) snprintf(failure->sentence, sizeof failure->sentence, "%s", limit);
  end_words_say(run);
  struct channel *up = run->parent >= 0 ? run->to[run->parent] : NULL;
  if (up && run->filtered) channel_leave(up, failure); /* no message may be allowed */
  bool told = up && !up->bye &&
              channel_send(up, MSG_FAILED, 0, failure,
                           offsetof(struct failure, sentence) + strlen(failure->sentence) + 1, -1) == 0;
  if (told) leave(failure->exit_code);
  if (failure->signal) die_by_signal(failure->signal);
  if (!up || up->bye) report_failure(run, failure);
  leave(failure->exit_code);
}

void run_end(struct run *run, int code, int signal) {
  planner_dismiss(run);
  end_status_fill(run, signal ? 128 + signal : code);
  undo(run, 2);
  end_words_say(run);
  for (unsigned p = 0; p < MAX_PROCESSES; p++)
    if (run->to[p] && !run->to[p]->ended) channel_send(run->to[p], MSG_BYE, 0, NULL, 0, -1);
  struct channel *up = run->parent >= 0 ? run->to[run->parent] : NULL;
  if (signal && getpid() == 1 && up && !up->ended) channel_send(up, MSG_SIGNALED, signal, NULL, 0, -1);
  if (signal) die_by_signal(signal);
  leave(code);
}

static bool command_runs; /* await_exec has seen it */

/*
 * The step by which this process becomes its command, if before that only a filter is loaded and what
 * goes with loading it: then all that makes system calls is done before, for the filter may refuse any.
 */
static const struct step *exec_behind_filter(const struct run *run, uint32_t at) {
  unsigned op = run->plan->steps[at].op;
  if (run->filtered || (op != OP_SECCOMP && op != OP_SECCOMP_PASS)) return NULL;
  for (uint32_t i = at; i < run->plan->nsteps; i++) {
    const struct step *step = &run->plan->steps[i];
    if (step->undoing || step->process != run->process) continue;
    switch (step->op) {
      case OP_SECCOMP:
      case OP_SECCOMP_PASS:
      case OP_CAPSET:
      case OP_AWAIT_START: continue;
      case OP_EXEC:
      case OP_EXEC_OWN:
      case OP_EXEC_PATH: return step;
      default: return NULL;
    }
  }
  return NULL;
}

/* Between two steps: is this still wanted? */
static int unwanted(struct run *run, const struct step *next) {
  struct channel *up = run->parent >= 0 ? run->to[run->parent] : NULL;
  run->detail[0] = 0;
  /* When the command runs, or may run, the signal is meant for it: the supervisor hands it on. */
  if (guard_caught() && !command_runs && !op_does(next->op, DOES_FOLLOWS)) return -EINTR;
  int gave_up = parent_gave_up(run);
  if (gave_up < 0 || !up || !up->ended || run->filtered) return gave_up;
  if (up->queue) return 0; /* what it said before it went is still to be asked for */
  channel_close(&run->to[run->parent]);
  run->parent = -1;
  return 0;
}

/* What a child says of its own failure, which is why its parent can no longer do something to it. */
static struct failure *failure_of_child(struct run *run) {
  for (unsigned p = 0; p < MAX_PROCESSES; p++) {
    if (!run->child[p] || !run->to[p]) continue;
    channel_pump(run, run->to[p]);
    if (run->to[p]->failed) return run->to[p]->failed;
  }
  return NULL;
}

static _Noreturn void failed_at(struct run *run, uint32_t at, int error) {
  if (run->filtered && error < E_RELAYED && !*run->detail) detail(run, "under the seccomp filter");
  struct failure *theirs = error == EINTR || error == E_RELAYED ? NULL : failure_of_child(run);
  if (theirs) {
    run->relayed = theirs;
    error = E_RELAYED;
  }
  struct failure *failure = error == E_RELAYED ? run->relayed : failure_of(run, at, error);
  if (error == EINTR && guard_caught()) failure->signal = guard_caught();
  unsigned op = run->plan->steps[at].op;
  bool runs = op_does(op, DOES_RUNS) && !run->plan->steps[at].exit_code;
  if (runs && error != EINTR && error != E_RELAYED && error != E_DETAIL)
    failure->exit_code = error == ENOENT || error == ENOTDIR ? 127 : 126;
  run_failed(run, failure);
}

/* The planner stays only for questions; after the last it is in nobody's way any more. */
static bool more_questions(const struct plan *plan, uint32_t after) {
  for (uint32_t i = after; i < plan->nsteps; i++)
    if (op_does(plan->steps[i].op, DOES_ASKS)) return true;
  return false;
}

/*
 * A planner of some forty megabytes takes milliseconds to die, in which we do something better.
 * It has to be gone before anybody's command runs: so before we last let a process go on, and
 * before a clone after which there is no such moment. And before a group is emptied in which it is
 * with us: dying, it still counts, and can no longer be moved.
 */
static bool planner_must_be_gone(const struct run *run, uint32_t at) {
  unsigned op = run->plan->steps[at].op;
  if (!run->planner_pid || !run->planner_ended) return false;
  if (op_does(op, DOES_ALONE)) return true;
  if (!op_does(op, DOES_LETS_GO)) return false;
  for (uint32_t i = at + 1; i < run->plan->nsteps; i++) {
    const struct step *later = &run->plan->steps[i];
    if (op_does(later->op, DOES_LETS_GO) && later->process == run->process && !later->undoing) return false;
  }
  return true;
}

void run_plan(struct run *run, const char *log, enum log_format format) {
  const struct plan *plan = run->plan;
  if (plan->tool) tool_name = cell_text(run, plan->tool);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (log) open_log(run, log, format);
  guard_begin(run);
  for (uint32_t at = 0; at < plan->nsteps; at++) {
    const struct step *step = &plan->steps[at];
    if (step->undoing || step->process != run->process) continue;
    if (planner_must_be_gone(run, at)) planner_dismiss(run);
    int result = unwanted(run, step);
    if (result < 0) failed_at(run, at, -result);
    const struct step *command = exec_behind_filter(run, at);
    if (command) exec_prepare(run, command);
    result = run_step(run, at);
    if (result < 0) failed_at(run, at, -result);
    if (op_does(step->op, DOES_FOLLOWS)) command_runs = true;
    if (op_does(step->op, DOES_ASKS) && !more_questions(plan, at + 1)) planner_end(run);
    if (step->process != run->process) {
      guard_begin(run); /* op_clone, in the child: from here on this is another process of the plan */
      continue;
    }
    if (result == 0 && step->undo_when) run->made[run->nmade++] = at;
  }
  run_end(run, 0, 0);
}
