/*
 * Signal masks and dispositions as the kernel has them. The C library's functions keep 32 to 34
 * (musl) or 32 and 33 (glibc) for threads of their own and hide them; the launcher has none, and to
 * its caller 34 may be SIGRTMIN, blocked or ignored like any other (signal(7)).
 */
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher.h"

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
