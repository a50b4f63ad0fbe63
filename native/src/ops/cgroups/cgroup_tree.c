/* cgroup_vacate: the tree of groups around the one that is made. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "kernel.h"
#include "ops.h"
#include "plan.h"
#include "run.h"

/* Move each process that `procs` lists by writing its PID to `into`; how many, or -errno. */
static int move_all(int procs, int into) {
  char text[65536];
  int moved = 0;
  long n = AGAIN(pread(procs, text, sizeof text - 1, 0));
  if (n < 0) return (int)n;
  text[n] = 0;
  /* A list longer than the buffer is cut within a number: that one is left for the next round. */
  char *last = strrchr(text, '\n');
  if (last) last[1] = 0;
  for (char *at = text; *at; at = strchr(at, '\n') + 1) {
    char pid[32];
    int length = snprintf(pid, sizeof pid, "%d", atoi(at));
    long rc = AGAIN(write(into, pid, (size_t)length));
    /* One that has ended meanwhile is not there any more. */
    if (rc < 0 && rc != -ESRCH) return (int)rc;
    if (rc >= 0) moved++;
  }
  return moved;
}

int op_cgroup_vacate(struct run *run, const struct step *step) {
  const char *path = arg_text(run, step, 0), *leaf = arg_text(run, step, 1);
  char procs[4096], into[4096];
  snprintf(procs, sizeof procs, "%s/cgroup.procs", path);
  snprintf(into, sizeof into, "%s/cgroup.procs", leaf);
  long rc = AGAIN(mkdir(leaf, 0755));
  if (rc < 0 && rc != -EEXIST) {
    detail(run, "%s", leaf);
    return (int)rc;
  }
  long to = AGAIN(open(into, O_WRONLY | O_CLOEXEC));
  if (to < 0) return (int)to;
  /*
   * Those that fork meanwhile leave children behind: again, until a round finds nobody. On v1 an open file goes on
   * telling what it told first (cgroup_pidlist_start in kernel/cgroup/cgroup-v1.c).
   */
  for (int round = 0; round < 1000; round++) {
    long from = AGAIN(open(procs, O_RDONLY | O_CLOEXEC));
    rc = from < 0 ? from : move_all((int)from, (int)to);
    if (from >= 0) close((int)from);
    if (rc <= 0) break;
  }
  close((int)to);
  return rc > 0 ? -EBUSY : (int)rc;
}
