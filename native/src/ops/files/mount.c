/* Mounting filesystems, opening and leaving mounts. */
#include "args.h"
#include "mounting.h"
#include "path.h"
#include "plan.h"
#include "run.h"

#include <string.h>

int op_propagation(struct run *run, const struct step *step) {
  unsigned long flags = (unsigned long)arg_int(run, step, 1);
  return (int)AGAIN(mount(NULL, arg_text(run, step, 0), NULL, flags, NULL));
}

int op_open_in(struct run *run, const struct step *step) {
  int flags = (int)arg_int(run, step, 2);
  int fd = open_inside(arg_fd(run, step, 0), arg_text(run, step, 1), flags ? flags : O_PATH);
  if (fd < 0) return fd;
  out_int(run, step, 3, fd);
  return 0;
}

/*
 * Where a new mount goes on an old kernel, and for what fsconfig(2) cannot carry. MS_SILENT
 * would hide the kernel's words from its log, so it is not added.
 */
static int mount_the_old_way(int target, const char *type, const char *source, unsigned long flags,
                             const char *data) {
  return mount_at(source, target, type, flags & ~(unsigned long)(PROPAGATION | MS_REC), data);
}

int op_mount(struct run *run, const struct step *step) {
  int root = arg_fd(run, step, 0);
  const char *path = arg_text(run, step, 1), *type = arg_text(run, step, 2), *source = arg_text(run, step, 3);
  unsigned long flags = (unsigned long)arg_int(run, step, 4);
  const char *data = arg_text(run, step, 5);
  int target = open_target(root, path, (enum make)arg_int(run, step, 6), S_IFDIR | 0755);
  if (target < 0) return target;
  int rc;
  if (flags & (MS_REMOUNT | MS_BIND | MS_MOVE)) {
    rc = mount_at(source, target, type, flags, data);
    close_fd(target);
    return rc;
  }
  int mount = filesystem_new(run->detail, type, source, flags, data, NULL);
  if (mount >= 0) {
    rc = mount_attach(mount, target);
    if (rc == 0) rc = mount_propagate(mount, flags & (PROPAGATION | MS_REC));
  } else if (mount == -E2BIG || missing_call(mount)) {
    run->detail[0] = '\0';
    rc = mount_the_old_way(target, type, source, flags, data);
    int fd = rc == 0 && (flags & PROPAGATION) ? open_inside(root, path, O_PATH) : -1;
    if (fd >= 0) rc = mount_propagate(fd, flags & (PROPAGATION | MS_REC));
    close_fd(fd);
  } else {
    rc = mount;
  }
  close_fd(mount);
  close_fd(target);
  return rc;
}

int op_umount(struct run *run, const struct step *step) {
  return (int)AGAIN(umount2(arg_text(run, step, 0), (int)arg_int(run, step, 1)));
}

int op_open_tree(struct run *run, const struct step *step) {
  unsigned flags = OPEN_TREE_CLONE | (arg_int(run, step, 1) ? AT_RECURSIVE : 0);
  int fd = above_stdio((int)sys_open_tree(AT_FDCWD, arg_text(run, step, 0), flags));
  if (fd < 0) return fd;
  out_int(run, step, 2, fd);
  return 0;
}

int op_root_mount(struct run *run, const struct step *step) {
  const char *path = arg_text(run, step, 0);
  long target = AGAIN(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (target < 0) return (int)target;
  long tree = sys_open_tree((int)target, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | AT_RECURSIVE);
  long rc = tree;
  if (tree >= 0) rc = mount_attach((int)tree, (int)target);
  else if (missing_call(tree)) rc = AGAIN(mount(path, path, NULL, MS_BIND | MS_REC, NULL));
  close_fd((int)tree);
  close_fd((int)target);
  if (rc < 0) return (int)rc;
  /* By its path, which leads through the new mount: the descriptor of before is below it. */
  int root = above_stdio((int)AGAIN(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)));
  if (root < 0) return root;
  out_int(run, step, 1, root);
  return 0;
}
