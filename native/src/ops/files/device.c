/* Nodes, links and directories inside the root. */
#include "args.h"
#include "mounting.h"
#include "path.h"
#include "plan.h"
#include "run.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sysmacros.h>

/* Owner, then mode: chown(2) takes the set-user-ID bits off. */
static int own(int fd, uid_t uid, gid_t gid, mode_t mode) {
  struct stat st;
  long rc = AGAIN(fstat(fd, &st));
  if (rc < 0) return (int)rc;
  bool owned = (uid == (uid_t)-1 || st.st_uid == uid) && (gid == (gid_t)-1 || st.st_gid == gid);
  if (!owned) rc = AGAIN(fchownat(fd, "", uid, gid, AT_EMPTY_PATH));
  if (rc == 0 && (!owned || (st.st_mode & 07777) != (mode & 07777))) rc = chmod_fd(fd, mode & 07777);
  return (int)rc;
}

/* The host's node of that number, at the same path, over a file in the root. */
static int bind_host_node(struct run *run, int root, const char *path, mode_t mode, dev_t dev) {
  char host[PATH_MAX];
  if (snprintf(host, sizeof host, "%s%s", path[0] == '/' ? "" : "/", path) >= (int)sizeof host)
    return -ENAMETOOLONG;
  long tree = sys_open_tree(AT_FDCWD, host, OPEN_TREE_CLONE);
  struct stat st;
  long rc = tree;
  if (tree >= 0) rc = AGAIN(fstat((int)tree, &st));
  if (tree == -ENOSYS) rc = AGAIN(stat(host, &st));
  if (rc == 0 && ((st.st_mode & S_IFMT) != (mode & S_IFMT) || st.st_rdev != dev)) {
    detail(run, "the host's %s is another device", host);
    rc = -ENODEV;
  }
  int target = rc < 0 ? -1 : open_target(root, path, MAKE_FILE, 0600);
  if (rc == 0) rc = target < 0 ? target : tree == -ENOSYS ? mount_at(host, target, NULL, MS_BIND, NULL) : mount_attach((int)tree, target);
  close_fd(target);
  close_fd((int)tree);
  return (int)rc;
}

struct node {
  mode_t mode;
  dev_t dev;
  uid_t uid;
  gid_t gid;
};

/*
 * The node over another file that an image has there, which stays as it is below. A link or a directory is an error:
 * what it leads to or has in it is somebody's. The node lies beside the file until it is mounted, for a mount that lies
 * nowhere can be cloned since Linux 6.15 alone (open_tree(2)).
 */
static int node_over(int parent, int target, const struct stat *there, const struct node *node) {
  unsigned long long number;
  char name[40];
  int rc = -EEXIST;
  if (!S_ISDIR(there->st_mode) && !S_ISLNK(there->st_mode) &&
      AGAIN(getrandom(&number, sizeof number, 0)) == (long)sizeof number) {
    snprintf(name, sizeof name, ".ctr-device-%016llx", number);
    mode_t old = umask(0);
    rc = (int)AGAIN(mknodat(parent, name, node->mode, node->dev));
    umask(old);
    if (rc == 0) {
      long fd = AGAIN(openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
      struct stat st;
      rc = (int)(fd < 0 ? fd : AGAIN(fstat((int)fd, &st)));
      /* Somebody else may write to that directory. */
      if (rc == 0 && ((st.st_mode & S_IFMT) != (node->mode & S_IFMT) || st.st_rdev != node->dev)) rc = -EEXIST;
      if (rc == 0) rc = own((int)fd, node->uid, node->gid, node->mode);
      long tree = rc < 0 ? -1 : sys_open_tree((int)fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
      if (tree >= 0) rc = mount_attach((int)tree, target);
      else if (rc == 0) rc = (int)tree;
      unlinkat(parent, name, 0);
      close_fd((int)tree);
      close_fd((int)fd);
    }
  }
  return rc;
}

int op_device(struct run *run, const struct step *step) {
  int root = arg_fd(run, step, 0);
  const char *path = arg_text(run, step, 1), *name;
  mode_t mode = (mode_t)arg_int(run, step, 2);
  dev_t dev = (dev_t)arg_int(run, step, 3);
  bool may_bind = arg_int(run, step, 6) != 0;
  uid_t uid;
  gid_t gid;
  if (arg_id(run, step, 4, true, &uid) < 0 || arg_id(run, step, 5, true, &gid) < 0) return -EINVAL;
  int parent = open_parent(root, path, &name);
  if (parent < 0) return parent;
  mode_t old = umask(0);
  long rc = AGAIN(mknodat(parent, name, mode, dev));
  umask(old);
  long fd = rc == 0 || rc == -EEXIST ? AGAIN(openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC)) : -1;
  struct stat st = {0};
  if (fd >= 0) {
    /* What is there already must be what is wanted. */
    rc = AGAIN(fstat((int)fd, &st));
    if (rc == 0 && ((st.st_mode & S_IFMT) != (mode & S_IFMT) ||
                    ((S_ISCHR(mode) || S_ISBLK(mode)) && st.st_rdev != dev)))
      rc = -EEXIST;
    if (rc == 0) rc = own((int)fd, uid, gid, mode);
  }
  bool taken = rc == -EEXIST;
  if (taken && fd >= 0) rc = node_over(parent, (int)fd, &st, &(struct node){mode, dev, uid, gid});
  if ((S_ISCHR(mode) || S_ISBLK(mode)) && may_bind && (rc == -EPERM || rc == -EEXIST))
    rc = bind_host_node(run, root, path, mode, dev);
  if (rc < 0 && taken) {
    detail(run, "something else is there");
    rc = -EEXIST;
  }
  close_fd((int)fd);
  close_fd(parent);
  return (int)rc;
}

int op_link_in(struct run *run, const struct step *step) {
  const char *name, *target = arg_text(run, step, 2);
  int parent = open_parent(arg_fd(run, step, 0), arg_text(run, step, 1), &name);
  if (parent < 0) return parent;
  long rc = AGAIN(symlinkat(target, parent, name));
  if (rc == -EEXIST) {
    char there[PATH_MAX];
    long n = AGAIN(readlinkat(parent, name, there, sizeof there - 1));
    if (n >= 0) {
      there[n] = '\0';
      if (strcmp(there, target) == 0) rc = 0;
      else detail(run, "it points at %s", there);
    }
  }
  close_fd(parent);
  return (int)rc;
}

int op_mkdir_in(struct run *run, const struct step *step) {
  mode_t mode = (mode_t)arg_int(run, step, 2);
  uid_t uid;
  gid_t gid;
  if (arg_id(run, step, 3, true, &uid) < 0 || arg_id(run, step, 4, true, &gid) < 0) return -EINVAL;
  int fd = open_inside(arg_fd(run, step, 0), arg_text(run, step, 1), O_PATH | O_DIRECTORY);
  if (fd >= 0) { /* what is there keeps its owner and mode */
    close_fd(fd);
    return 0;
  }
  if (fd != -ENOENT) return fd;
  fd = open_target(arg_fd(run, step, 0), arg_text(run, step, 1), MAKE_DIRECTORY, 0755);
  if (fd < 0) return fd;
  int rc = own(fd, uid, gid, mode);
  close_fd(fd);
  return rc;
}
