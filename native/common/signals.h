/* Signal masks and dispositions with nothing kept back for the C library. */
#ifndef CTR_SIGNALS_H
#define CTR_SIGNALS_H

#include <signal.h>

/* sigprocmask(2) */
int signal_mask(int how, const sigset_t *set, sigset_t *old);
void every_signal(sigset_t *set);
/* SIG_DFL for all of them. */
void signals_to_default(void);
typedef void signal_handler(int signal, siginfo_t *info, void *context);
/* Handle those of the signals whose disposition is the default, with SA_SIGINFO and `flags`; who ignores one goes on so. */
void signals_handle(const int *signals, unsigned count, signal_handler *handler, int flags);
/* The default again for those that this handler has. */
void signals_handle_no_more(const int *signals, unsigned count, signal_handler *handler);

#endif
