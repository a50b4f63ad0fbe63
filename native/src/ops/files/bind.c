/* Binds, and changes of what is mounted. */
#include "args.h"
#include "mounting.h"
#include "path.h"
#include "plan.h"
#include "run.h"

#include <stdio.h>

/* A clone of a mount, or the detached one itself, which before Linux 6.15 cannot be cloned again. */
static long clone_of(int fd, unsigned recursive) {
  long tree = sys_open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | recursive);
  if (tree == -EINVAL) tree = AGAIN(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  return tree;
}

struct bind {
  int root, fd, userns;
  const char *target, *source;
  uint64_t recursive, set, clear, propagation, lift;
  enum make make;
};

/*
 * The attributes of a bind. What is only lifted because the options do not name it stays where a user
 * namespace has locked it (mount_namespaces(7)), all of it together, as under runc and crun.
 */
static int change(struct run *run, const struct bind *b, int mount, uint64_t propagation) {
  bool all = b->recursive & 2;
  int rc = mount_change(run->detail, mount, b->set, b->clear | b->lift, propagation, b->userns, all);
  if (rc != -EPERM || !b->lift) return rc;
  return mount_change(run->detail, mount, b->set, b->clear, propagation, b->userns, all);
}

/* Linux before 5.2. */
static int bind_the_old_way(struct run *run, const struct bind *b, int target) {
  unsigned long recursive = b->recursive & 1 ? MS_REC : 0;
  if (b->fd >= 0) return -ENOSYS;
  int rc = mount_at(b->source, target, NULL, MS_BIND | recursive, NULL);
  if (rc < 0) return rc;
  int mount = open_inside(b->root, b->target, O_PATH);
  if (mount < 0) return mount;
  rc = change(run, b, mount, b->propagation);
  close_fd(mount);
  return rc;
}

static int bind_mode(const struct bind *b, long tree) {
  if (tree >= 0) return fd_mode((int)tree);
  struct stat st;
  long rc = AGAIN(stat(b->source, &st));
  return rc < 0 ? (int)rc : (int)st.st_mode;
}

int op_bind(struct run *run, const struct step *step) {
  struct bind b = {
      .root = arg_fd(run, step, 0),
      .target = arg_text(run, step, 1),
      .source = arg_text(run, step, 2),
      .fd = arg_fd(run, step, 3),
      .recursive = (uint64_t)arg_int(run, step, 4),
      .set = (uint64_t)arg_int(run, step, 5),
      .clear = (uint64_t)arg_int(run, step, 6),
      .propagation = (uint64_t)arg_int(run, step, 7),
      .userns = arg_fd(run, step, 8),
      .make = (enum make)arg_int(run, step, 9),
      .lift = (uint64_t)arg_int(run, step, 10),
  };
  unsigned recursive = b.recursive & 1 ? AT_RECURSIVE : 0;
  long tree = b.fd >= 0 ? clone_of(b.fd, recursive)
                        : sys_open_tree(AT_FDCWD, b.source, OPEN_TREE_CLONE | recursive);
  if (tree == -EINVAL && b.fd < 0)
    detail(run, "%s lies on an unbindable mount or in another mount namespace", b.source);
  bool old = tree == -ENOSYS;
  if (tree < 0 && !old) return (int)tree;
  int mode = bind_mode(&b, tree);
  int target = mode < 0 ? mode : open_target(b.root, b.target, b.make, (mode_t)mode);
  int rc = target;
  /* move_mount(2) would answer EINVAL, where mount(2) says what it is. */
  if (target >= 0 && S_ISDIR(mode) != S_ISDIR(fd_mode(target))) {
    rc = -ENOTDIR;
  } else if (target >= 0 && old) {
    rc = bind_the_old_way(run, &b, target);
  } else if (target >= 0) {
    /* Attributes before it is attached, so that nobody sees it without; propagation after, for being attached to a shared mount shares it. */
    rc = change(run, &b, (int)tree, 0);
    if (rc == 0) rc = mount_attach((int)tree, target);
    if (rc == 0) rc = mount_propagate((int)tree, b.propagation);
  }
  if (rc == -ENOTDIR || rc == -EISDIR) detail(run, "one is a directory and the other is not");
  close_fd(target);
  close_fd((int)tree);
  return rc;
}

int op_mount_attr(struct run *run, const struct step *step) {
  int mount = open_inside(arg_fd(run, step, 0), arg_text(run, step, 1), O_PATH);
  if (mount < 0) return mount;
  int rc = mount_change(run->detail, mount, (uint64_t)arg_int(run, step, 2), (uint64_t)arg_int(run, step, 3),
                        (uint64_t)arg_int(run, step, 4), -1, arg_int(run, step, 5) != 0);
  close_fd(mount);
  return rc;
}

int op_readonly(struct run *run, const struct step *step) {
  int fd = open_inside(arg_fd(run, step, 0), arg_text(run, step, 1), O_PATH);
  if (fd < 0) return fd == -ENOENT ? 0 : fd;
  /* As runc: the mounts below come along and stay as they are. */
  long tree = sys_open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | AT_RECURSIVE);
  int rc = (int)tree;
  if (tree >= 0) {
    rc = mount_change(run->detail, (int)tree, MOUNT_ATTR_RDONLY, 0, 0, -1, false);
    if (rc == 0) rc = mount_attach((int)tree, fd);
  } else if (tree == -ENOSYS) {
    char source[32];
    snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    rc = mount_at(source, fd, NULL, MS_BIND | MS_REC, NULL);
    int mount = rc == 0 ? open_inside(arg_fd(run, step, 0), arg_text(run, step, 1), O_PATH) : -1;
    if (mount >= 0) rc = mount_change(run->detail, mount, MOUNT_ATTR_RDONLY, 0, 0, -1, false);
    close_fd(mount);
  }
  close_fd((int)tree);
  close_fd(fd);
  return rc;
}
