/* Small things around descriptors and time that both programs need. */
#ifndef CTR_IO_H
#define CTR_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The signal that is to end this process and was kept back, or 0. Each program has its own (guard.c). */
int guard_caught(void);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t now_ns(void);
void sleep_ms(unsigned ms);
/* write(2) until all is written: 0 or -errno; -EINTR only where a signal is to end us. */
ssize_t write_all(int fd, const void *data, size_t length);
/* The same description under a number that a plan does not use, close-on-exec. Closes `fd`. */
int high_fd(int fd);
/* "SIGTERM", or "signal N". */
const char *signal_name(int signal);

/*
 * Where the caller closed 0, 1 or 2, the next file opened would take its number, and a message
 * would be written into it. /dev/null holds the place, and goes with exec. It is open the wrong way round, so that
 * reading and writing there are still errors and no result is lost unseen (gnulib's stdopen does the same).
 */
void hold_stdio(void);

#endif
