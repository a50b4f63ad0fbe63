/* What ns.c has for other files. */
#ifndef CTR_NS_H
#define CTR_NS_H

#include "run.h"

/* fork(2) with flags of clone3(2), into a v2 cgroup (or -1); like clone3 -1 with errno. */
typedef long fork_fn(uint64_t flags, int cgroup, int *pidfd);

/* Whether the next clone is to go through a joiner. */
bool joins_pending(void);
/* The clone through a joiner: as `fork_with`, with the failed join in run->detail. */
long fork_joined(struct run *run, uint64_t flags, int cgroup, int *pidfd, fork_fn *fork_with);
/* The process ends with this code: fill the slot that asked for it. */
void end_status_fill(struct run *run, int code);

#endif
