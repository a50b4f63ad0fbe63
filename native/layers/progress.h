/* progress.c: how far layers are, on a terminal. */
#ifndef CTR_PROGRESS_H
#define CTR_PROGRESS_H

#include <sys/types.h>

#include "job.h"


struct progress {
  int columns; /* of the terminal on stderr; 0: none */
  unsigned lines; /* drawn */
  uint64_t began, drawn;
};
void progress_draw(struct progress *p, const struct job *jobs, const struct job_state *states, const pid_t *pids,
                   unsigned n);
/* Leave nothing of it. */
void progress_end(struct progress *p);

#endif
