/* How long a command may run: asked by whoever stays with it. */
#ifndef CTR_TIME_LIMIT_H
#define CTR_TIME_LIMIT_H

#include <stdbool.h>
#include <sys/types.h>

#include "run.h"

/* In a cloned child: whoever started it counts. */
void time_limit_forget(void);
/* The command runs: from now on the time counts. */
void time_limit_begin(void);
/* How long poll may wait, of at most so many ms (-1: without end). */
int time_limit_wait(int ms);
/* The signal that the command is to get now; or 0. */
int time_limit_due(void);
/* After the command `pid`, all others in its group get the same SIGTERM. */
void time_limit_tell_others(pid_t pid);
/* Whether others than the child, which has ended, still have time to end by themselves. */
bool time_limit_left(void);
/* Whether the limit was reached. The sentence for it is then said at the end. */
bool time_limit_reached(struct run *run);

/* As timeout(1) ends. */
#define TIME_LIMIT_CODE 124

#endif
