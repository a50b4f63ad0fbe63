/*
 * Signals that would end a process which has something to undo, or which is to stay with its
 * command. Until the command runs they only leave a mark, the step that waits is interrupted, and
 * the plan is taken down before the process ends by that signal; one that comes when the command
 * runs already is the supervisor's to hand on. exec resets a handler to the default by itself (signal(7)), and
 * only defaults are replaced, so the command never sees any of this.
 */
#include <signal.h>
#include <string.h>

#include "core.h"
#include "ops.h"

bool sigchld_was_ignored;

static const int deadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2};
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
             (plan->steps[i].undo_when || plan->steps[i].op == OP_SUPERVISE);
  if (!needed) return;
  guarding = true;
  /* musl unblocks 33 and 34 with the first handler, for threads that there are none of. */
  sigset_t mask;
  signal_mask(SIG_BLOCK, NULL, &mask);
  for (unsigned i = 0; i < sizeof deadly / sizeof *deadly; i++) {
    struct sigaction old, new;
    if (sigaction(deadly[i], NULL, &old) != 0 || old.sa_handler != SIG_DFL) continue;
    memset(&new, 0, sizeof new);
    new.sa_sigaction = mark;
    new.sa_flags = SA_SIGINFO; /* no SA_RESTART: what waits is to stop waiting */
    sigaction(deadly[i], &new, NULL);
  }
  signal_mask(SIG_SETMASK, &mask, NULL);
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
  for (unsigned i = 0; i < sizeof deadly / sizeof *deadly; i++) {
    struct sigaction old;
    if (sigaction(deadly[i], NULL, &old) != 0 || !(old.sa_flags & SA_SIGINFO) || old.sa_sigaction != mark)
      continue;
    memset(&old, 0, sizeof old);
    old.sa_handler = SIG_DFL;
    sigaction(deadly[i], &old, NULL);
  }
  caught = 0;
}
