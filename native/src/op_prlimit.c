/* prlimit: another process's limits, which it has no right to raise itself. */
#include <stdint.h>

#include "kernel.h"
#include "launcher.h"

int op_prlimit(struct run *run, const struct step *step);

int op_prlimit(struct run *run, const struct step *step) {
  /* struct rlimit64: the kernel's own, whatever the C library makes of rlim_t */
  uint64_t limit[2] = {(uint64_t)arg_int(run, step, 2), (uint64_t)arg_int(run, step, 3)};
  return (int)KERNEL(SYS_prlimit64, (pid_t)arg_int(run, step, 0), (int)arg_int(run, step, 1), limit, NULL);
}
