/*
 * Signals that would end a process which has something to undo, or which is to stay with its
 * command. Until the command runs they only leave a mark, the step that waits is interrupted, and
 * the plan is taken down before the process ends by that signal; one that comes when the command
 * runs already is the supervisor's to hand on. exec resets a handler to the default by itself (signal(7)), and
 * only defaults are replaced, so the command never sees any of this.
 */
#include <signal.h>
#include <unistd.h>

#include "guard.h"
#include "io.h"
#include "ops.h"
#include "plan.h"
#include "run.h"
#include "shape.h"
#include "signals.h"

bool sigchld_was_ignored;

static const int deadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2};
enum { DEADLY = sizeof deadly / sizeof *deadly };
static volatile sig_atomic_t caught, caught_code;
static bool guarding;

static void mark(int signal, siginfo_t *info, void *context) {
  (void)context;
  if (caught) return;
  caught_code = info->si_code;
  caught = signal;
}

void guard_begin(struct run *run) {
  const struct plan *plan = run->plan;
  bool needed = false;
  for (uint32_t i = 0; !needed && i < plan->nsteps; i++)
    needed = plan->steps[i].process == run->process &&
             (plan->steps[i].undo_when || op_does(plan->steps[i].op, DOES_STAYS));
  if (!needed) return;
  guarding = true;
  signals_handle(deadly, DEADLY, mark, 0); /* no SA_RESTART: what waits is to stop waiting */
}

int guard_caught(void) { return caught; }

int guard_take(int *code) {
  int signal = caught;
  *code = caught_code;
  caught = 0;
  return signal;
}

void guard_forget(void) {
  if (!guarding) return;
  guarding = false;
  signals_handle_no_more(deadly, DEADLY, mark);
  caught = 0;
}

static void end_at_once(int signal, siginfo_t *info, void *context) {
  (void)info;
  (void)context;
  _exit(128 + signal); /* all that PID 1 can do */
}

int op_init_signals(struct run *run, const struct step *step) {
  (void)run;
  (void)step;
  /* Not SIGPIPE, which our own writing may bring. */
  static const int other[] = {SIGKILL, SIGPIPE, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};
  if (getpid() != 1) return 0;
  for (int signal = 1; signal <= 64; signal++) {
    bool ends = true;
    for (unsigned i = 0; i < sizeof other / sizeof *other; i++) ends = ends && signal != other[i];
    if (ends) signals_handle(&signal, 1, end_at_once, 0);
  }
  return 0;
}
