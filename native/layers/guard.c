/*
 * The launcher says that it ends by SIGTERM, whether it was told to (ops/files/layers.c) or has died
 * (PR_SET_PDEATHSIG); a terminal tells all of its foreground group.
 */
#include "guard.h"

#include "io.h"
#include "signals.h"

static const int deadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
enum { DEADLY = sizeof deadly / sizeof *deadly };
static volatile sig_atomic_t caught;

static void mark(int signal, siginfo_t *info, void *context) {
  (void)info;
  (void)context;
  caught = signal;
}

int guard_caught(void) { return caught; }

/* No SA_RESTART: what waits is to stop waiting. */
void guard_begin(void) { signals_handle(deadly, DEADLY, mark, 0); }

void guard_ignore(void) {
  for (unsigned i = 0; i < DEADLY; i++) signal(deadly[i], SIG_IGN);
  caught = 0;
}
