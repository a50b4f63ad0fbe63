/* Limits of a process: its own, or another's that has no right to raise them itself. */
#include <stdint.h>

#include "args.h"
#include "kernel.h"
#include "ops.h"

int op_prlimit(struct run *run, const struct step *step) {
  /* struct rlimit64: the kernel's own, whatever the C library makes of rlim_t and RLIM_INFINITY */
  const uint64_t limit[2] = {(uint64_t)arg_int(run, step, 2), (uint64_t)arg_int(run, step, 3)};
  pid_t pid = (pid_t)arg_int(run, step, 0);
  long rc = KERNEL(SYS_prlimit64, pid, (int)arg_int(run, step, 1), limit, NULL);
  if (rc == -EPERM && pid == 0) detail(run, "raising a hard limit needs CAP_SYS_RESOURCE");
  return (int)rc;
}
