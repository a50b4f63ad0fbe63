/*
 * The working directory, for a container before and after the user is set. A directory that root
 * may enter and the user may not is entered before; one that only the user may enter (a FUSE
 * mount, a home on NFS), after.
 */
#include "args.h"
#include "descriptors.h"
#include "kernel.h"
#include "ops.h"
#include "plan.h"
#include "run.h"

/* The new working directory is within our root; a descriptor of the host's would lead out of it (CVE-2024-21626). */
static int prove_inside(struct run *run, const char *path) {
  int rc = directory_inside();
  if (rc != -EXDEV) return rc;
  detail(run, "%s lies outside of the container's root", path);
  return chdir("/") == 0 ? -EXDEV : -errno;
}

static int enter(struct run *run, const char *path, int fd, bool inside) {
  long rc = fd >= 0 ? AGAIN(fchdir(fd)) : AGAIN(chdir(path));
  return rc == 0 && inside ? prove_inside(run, path) : (int)rc;
}

int op_chdir(struct run *run, const struct step *step) {
  if (arg_int(run, step, 3)) return 0;
  return enter(run, arg_text(run, step, 0), arg_fd(run, step, 1), arg_int(run, step, 2) != 0);
}

int op_chdir_early(struct run *run, const struct step *step) {
  int rc = enter(run, arg_text(run, step, 0), -1, true);
  if (rc != 0 && rc != -EACCES && rc != -EPERM) return rc;
  out_int(run, step, 1, rc == 0);
  return 0;
}
