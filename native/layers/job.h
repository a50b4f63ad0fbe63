/* job.c: one layer into the store, in a process of its own. */
#ifndef CTR_JOB_H
#define CTR_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "gen/requests.h"

enum job_result { JOB_DONE, JOB_FAILED, JOB_NEEDS_LOWER };

struct job {
  enum layers_kind kind;
  bool squash, bottom;
  const char *target; /* where the layer goes: DIRECTORY/tree, with DIRECTORY/info */
  const char *chain;  /* overlay: the layer as it is upon those below it; a link to `target` mostly */
  const char *archive;
  bool piped; /* `archive` is a name alone, and its bytes come from the pipe `fd` */
  int fd;
  uint64_t offset, size; /* in the archive; UINT64_MAX: all of it */
  const char *digest, *diff;
  char **lower; /* overlay: the layers below, topmost first; others: the one below */
  unsigned lowers;
  bool upon_lower; /* applied upon a mount of them */
};

struct job_state { /* shared with the process that does it */
  _Atomic uint64_t progress;
  int result;
  uint64_t left_out; /* attributes that the file system cannot have */
  char left_name[64];
  char error[1024];
};

/* Do it, in this process, which then ends. */
void job_do(const struct job *job, struct job_state *state);
/* Take away what a job that was killed has left half made, unless another does the same job by now. */
void job_discard(const struct job *job);

#endif
