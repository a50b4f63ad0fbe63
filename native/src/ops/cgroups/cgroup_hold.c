/* cgroup_hold: somebody in a group, so that it is not empty and nobody removes it. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "holder.h"
#include "kernel.h"
#include "ops.h"
#include "plan.h"
#include "run.h"

/* 0 in cgroup.procs is the process that writes it (cgroups(7), "Creating cgroups and moving processes"). */
static int enter(const void *with) {
  for (char *const *group = with; *group; group++) {
    long directory = AGAIN(open(*group, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory < 0) return (int)directory;
    long procs = AGAIN(openat((int)directory, "cgroup.procs", O_WRONLY | O_CLOEXEC));
    close_fd((int)directory);
    if (procs < 0) return (int)procs;
    long n = AGAIN(write((int)procs, "0", 1));
    close_fd((int)procs);
    if (n < 0) return (int)n;
  }
  return 0;
}

int op_cgroup_hold(struct run *run, const struct step *step) {
  long pid = holder(enter, arg_list(run, step, 0, NULL));
  if (pid < 0) return (int)pid;
  out_int(run, step, 1, pid);
  return 0;
}
