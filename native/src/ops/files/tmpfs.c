/*
 * tmpfs: a filesystem that takes the place of a directory, and so its mode, as people expect of
 * a /tmp with its sticky bit. idmap_tree: a detached tree that shows other owners.
 */
#include <stdio.h>

#include "args.h"
#include "kernel.h"
#include "mounting.h"
#include "path.h"
#include "plan.h"
#include "run.h"

int op_tmpfs(struct run *run, const struct step *step);

int op_tmpfs(struct run *run, const struct step *step) {
  int root = arg_fd(run, step, 0);
  const char *target = arg_text(run, step, 1), *data = arg_text(run, step, 4);
  char with_mode[4096];
  struct stat st;
  int fd = open_inside(root, target, O_PATH | O_DIRECTORY);
  if (fd >= 0 && fstat(fd, &st) == 0) {
    int n = snprintf(with_mode, sizeof with_mode, "mode=%04o%s%s", (unsigned)(st.st_mode & 07777),
                     *data ? "," : "", data);
    if (n >= (int)sizeof with_mode) n = -E2BIG;
    if (n < 0) return close_fd(fd), n;
    data = with_mode; /* of two modes the later one, the spec's, holds */
  } else if (fd == -ENOENT) {
    fd = open_target(root, target, MAKE_DIRECTORY, 0755);
  }
  if (fd < 0) return fd;
  const char *source = arg_text(run, step, 2);
  unsigned long flags = (unsigned long)arg_int(run, step, 3);
  int mount = filesystem_new(run->detail, "tmpfs", source, flags, data, NULL);
  int rc = mount;
  if (mount >= 0) {
    rc = mount_attach(mount, fd);
  } else if (mount == -E2BIG || missing_call(mount)) {
    run->detail[0] = '\0';
    rc = mount_at(source, fd, "tmpfs", flags, data);
  }
  close_fd(mount);
  close_fd(fd);
  return rc;
}

int op_idmap_tree(struct run *run, const struct step *step);

int op_idmap_tree(struct run *run, const struct step *step) {
  struct kernel_mount_attr attr = {.set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)arg_fd(run, step, 1)};
  return (int)sys_mount_setattr(arg_fd(run, step, 0), arg_int(run, step, 2) ? AT_RECURSIVE : 0, &attr);
}
