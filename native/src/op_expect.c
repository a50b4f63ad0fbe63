/*
 * expect: proof that a PID read from a file still means the process it meant,
 * by a second fact (its start time) read after the process is held by a pidfd.
 */
#include <errno.h>
#include <string.h>

#include "launcher.h"

int op_expect(struct run *run, const struct step *step);

int op_expect(struct run *run, const struct step *step) {
  const char *found = arg_text(run, step, 0);
  const char *wanted = arg_text(run, step, 1);
  return strcmp(found, wanted) == 0 ? 0 : -ESRCH;
}
