/*
 * Signal masks and dispositions as the kernel has them. The C library's functions keep 32 to 34
 * (musl) or 32 and 33 (glibc) for threads of their own and hide them; the launcher has none, and to
 * its caller 34 may be SIGRTMIN, blocked or ignored like any other (signal(7)).
 */
#include "signals.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KERNEL_SET = 8 }; /* bytes of the kernel's sigset_t: 64 signals */

int signal_mask(int how, const sigset_t *set, sigset_t *old) {
  if (old) sigemptyset(old);
  return (int)syscall(SYS_rt_sigprocmask, how, set, old, KERNEL_SET);
}

void every_signal(sigset_t *set) {
  sigemptyset(set);
  memset(set, 0xff, KERNEL_SET);
}

void signals_to_default(void) {
  /* The kernel's struct of a default disposition is zero in all its fields, on every machine. */
  static const unsigned char zero[64];
  for (int signal = 1; signal <= 64; signal++)
    syscall(SYS_rt_sigaction, signal, zero, NULL, KERNEL_SET);
}

void signals_handle(const int *signals, unsigned count, signal_handler *handler, int flags) {
  /* musl unblocks 33 and 34 with the first handler, for threads that there are none of. */
  sigset_t mask;
  signal_mask(SIG_BLOCK, NULL, &mask);
  for (unsigned i = 0; i < count; i++) {
    struct sigaction old, new;
    if (sigaction(signals[i], NULL, &old) != 0 || old.sa_handler != SIG_DFL) continue;
    memset(&new, 0, sizeof new);
    new.sa_sigaction = handler;
    new.sa_flags = SA_SIGINFO | flags;
    sigaction(signals[i], &new, NULL);
  }
  signal_mask(SIG_SETMASK, &mask, NULL);
}

void signals_handle_no_more(const int *signals, unsigned count, signal_handler *handler) {
  for (unsigned i = 0; i < count; i++) {
    struct sigaction old;
    if (sigaction(signals[i], NULL, &old) != 0 || !(old.sa_flags & SA_SIGINFO) || old.sa_sigaction != handler)
      continue;
    memset(&old, 0, sizeof old);
    old.sa_handler = SIG_DFL;
    sigaction(signals[i], &old, NULL);
  }
}
