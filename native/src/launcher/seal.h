/* The sealed copy of the launcher, from which containers run. */
#ifndef CTR_SEAL_H
#define CTR_SEAL_H

#include "plan.h"
#include "start.h"

/* Become a sealed copy of this file, telling it `start` and the arguments. Ends on failure. */
void seal(const struct start *start, char **argv);
/* A plan that only sets this process up and becomes the command leaves no launcher to be written to. */
bool wants_seal(const struct plan *plan);
/*
 * A sealed copy of the launcher's whole file, with planner and all, as a descriptor; or -errno. By it a tool is
 * executed in a root where that file does not lie. It needs nothing of that root: /proc/self/exe of an image
 * may be anything.
 */
int whole_copy(const struct start *start);
/* The words by which that copy becomes `argv` and is told which tools are installed; it is kept open for it. */
char **whole_words(int fd, const char *installed, char **argv);
/* Execute it. -errno. */
int become_whole(int fd, char **words);
/* In what was executed so: take back what was told. False if this is not such a copy. Ends if it is not sealed. */
bool whole(struct start *start, int *argc, char ***argv);
/* The running program's file, open for reading; -errno. */
int running_file(const struct start *start);
/* In the sealed copy: take back what was told. False if this is not a sealed copy. Ends if it was not sealed. */
bool sealed(struct start *start, int *argc, char ***argv);

#endif
