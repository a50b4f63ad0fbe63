/* The sealed copy of the launcher, from which containers run. */
#ifndef CTR_SEAL_H
#define CTR_SEAL_H

#include "plan.h"
#include "start.h"

/* Become a sealed copy of this file, telling it `start` and the arguments. Ends on failure. */
void seal(const struct start *start, char **argv);
/* A plan that only sets this process up and becomes the command leaves no launcher to be written to. */
bool wants_seal(const struct plan *plan);
/* In the sealed copy: take back what was told. False if this is no sealed copy. Ends if it was not sealed. */
bool sealed(struct start *start, int *argc, char ***argv);

#endif
