/*
 * The caller's limits are the command's. The launcher's own memfds and the planner would fall under
 * them too: `ulimit -f 0` kills who writes a request, `ulimit -Sv` a Node that only reserves
 * addresses. So what is the launcher's own business is done with soft limits raised to the hard
 * ones, and hard ones raised where that is allowed (setrlimit(2): CAP_SYS_RESOURCE).
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "own_limits.h"

static const int own[] = {RLIMIT_FSIZE, RLIMIT_NPROC};
enum { OWN = sizeof own / sizeof *own };
static struct rlimit before[OWN];
static struct sigaction xfsz;

static void raise_limit(int resource) {
  struct rlimit limit, all = {RLIM_INFINITY, RLIM_INFINITY};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  if (setrlimit(resource, &all) == 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(resource, &limit);
}

void limits_lift(void) {
  struct sigaction ignore;
  memset(&ignore, 0, sizeof ignore);
  ignore.sa_handler = SIG_IGN; /* a hard limit then is a write's EFBIG, which has words */
  sigaction(SIGXFSZ, &ignore, &xfsz);
  for (int i = 0; i < OWN; i++)
    if (getrlimit(own[i], &before[i]) == 0) raise_limit(own[i]);
}

void limits_restore(void) {
  for (int i = 0; i < OWN; i++) setrlimit(own[i], &before[i]);
  sigaction(SIGXFSZ, &xfsz, NULL);
}

void limits_of_planner(void) {
  static const int all[] = {RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_NOFILE};
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++) raise_limit(all[i]);
}

/* Node 24 aborts below 17 (uv_loop_init of its threads), and what it is asked to do opens some more. */
enum { NODE_FILES = 32 };

bool limits_allow_node(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= NODE_FILES;
}

const char *limits_hint(int error) {
  return error == EMFILE ? "; the limit on open files (ulimit -n) is too low" : "";
}

const char *limits_too_low(void) {
  static const int sizes[] = {RLIMIT_AS, RLIMIT_DATA};
  struct rlimit limit;
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
    if (getrlimit(sizes[i], &limit) == 0 && limit.rlim_max != RLIM_INFINITY)
      return "; the hard limit on memory (ulimit -Hv, -Hd) may be too low for Node";
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < 64)
    return "; the hard limit on open files (ulimit -Hn) may be too low for Node";
  return "";
}
