/*
 * The working directory before and after the user is set. A directory that root may enter
 * and the user may not is entered before; one that only the user may enter (a FUSE mount, a
 * home on NFS), after.
 */
#include <limits.h>

#include "kernel.h"
#include "launcher.h"

/*
 * chdir(2), and then proof that we are within our root: getcwd(2) of a directory outside does
 * not begin with a slash. A descriptor of the host's that leaked would show so (CVE-2024-21626).
 */
static int enter(struct run *run, const char *path) {
  char now[PATH_MAX];
  long rc = AGAIN(chdir(path));
  if (rc != 0) return (int)rc;
  rc = KERNEL(SYS_getcwd, now, sizeof now);
  if (rc < 0) return (int)rc;
  if (now[0] == '/') return 0;
  detail(run, "%s lies outside of the container's root", path);
  return chdir("/") == 0 ? -EXDEV : -errno;
}

int op_chdir_early(struct run *run, const struct step *step);

int op_chdir_early(struct run *run, const struct step *step) {
  int rc = enter(run, arg_text(run, step, 0));
  if (rc != 0 && rc != -EACCES && rc != -EPERM) return rc;
  out_int(run, step, 1, rc == 0);
  return 0;
}

int op_chdir_late(struct run *run, const struct step *step);

int op_chdir_late(struct run *run, const struct step *step) {
  return arg_int(run, step, 1) ? 0 : enter(run, arg_text(run, step, 0));
}
