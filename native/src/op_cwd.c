/*
 * The working directory before and after the user is set. A directory that root may enter
 * and the user may not is entered before; one that only the user may enter (a FUSE mount, a
 * home on NFS), after.
 */
#include <errno.h>

#include "core.h"
#include "ops.h"

int op_chdir_early(struct run *run, const struct step *step) {
  int rc = enter_directory(run, arg_text(run, step, 0), true);
  if (rc != 0 && rc != -EACCES && rc != -EPERM) return rc;
  out_int(run, step, 1, rc == 0);
  return 0;
}

int op_chdir_late(struct run *run, const struct step *step) {
  return arg_int(run, step, 1) ? 0 : enter_directory(run, arg_text(run, step, 0), true);
}
