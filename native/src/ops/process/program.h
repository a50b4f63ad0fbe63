/* A program that is run to its end, with nothing of ours but its three descriptors. */
#ifndef CTR_PROGRAM_H
#define CTR_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "run.h"

struct program {
  const char *file;
  char **argv, **env;
  int root;        /* the directory that it runs in, -1: this process's own; */
  const char *cwd; /* and from there, where it can be entered and is not empty */
  const void *input;
  size_t size;
  int64_t timeout;     /* in milliseconds; 0: none */
  char *said;          /* where its stdout is kept, */
  size_t room, length; /* how much can be, and was; 0: its stdout is for a failure's words, as its stderr is */
};

/* 0; or a failure, with its last words, for a status that is not 0, a signal, the time limit, or more output than there is room. */
int run_program(struct run *run, struct program *program);

#endif
