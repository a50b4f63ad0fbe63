/* Hiding paths. */
#include "args.h"
#include "descriptors.h"
#include "mounting.h"
#include "path.h"
#include "plan.h"
#include "run.h"

#include <stdio.h>

/*
 * An empty read-only tmpfs, one for all masked directories of this process: what differs between
 * them is nothing, and making a tmpfs costs more than cloning a mount. Before Linux 6.15 a mount
 * can be cloned only once it is attached, so the first directory gets the mount itself and
 * later ones a clone of that.
 */
static int shared = -1;

enum { EMPTY = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC };

/* `label`: its `context=` (mount(8)), or empty. One process masks with one label. */
static int mask_directory(struct run *run, int target, const char *label) {
  char options[4096];
  if (snprintf(options, sizeof options, "nr_blocks=1,nr_inodes=1,mode=755%s%s", *label ? "," : "", label) >=
      (int)sizeof options)
    return -ENAMETOOLONG;
  if (shared >= 0) {
    long tree = sys_open_tree(shared, "", AT_EMPTY_PATH | OPEN_TREE_CLONE);
    if (tree >= 0) {
      int rc = mount_attach((int)tree, target);
      close_fd((int)tree);
      return rc;
    }
    /* Made in a mount namespace that this process has left. */
    close_fd(shared);
    shared = -1;
  }
  long tmpfs = filesystem_new(run->detail, "tmpfs", "tmpfs", EMPTY, options, NULL);
  if (missing_call(tmpfs)) {
    run->detail[0] = '\0';
    return mount_at("tmpfs", target, "tmpfs", EMPTY, options);
  }
  if (tmpfs < 0) return (int)tmpfs;
  int rc = mount_attach((int)tmpfs, target);
  if (rc < 0) close_fd((int)tmpfs);
  else shared = (int)tmpfs;
  note_descriptor(&shared);
  return rc;
}

/*
 * /dev/null of the container, proved to be the device: a container whose /dev is a shared
 * directory could have put a link or another file there (CVE-2025-31133).
 */
static int open_null(struct run *run, int root) {
  int fd = open_inside(root, "/dev/null", O_PATH | O_NOFOLLOW);
  if (fd < 0) {
    detail(run, "/dev/null, which is to hide it");
    return fd;
  }
  if (null_device(fd)) return fd;
  detail(run, "/dev/null is not the null device");
  close_fd(fd);
  return -ENODEV;
}

static int mask_file(struct run *run, int root, int target) {
  int null = open_null(run, root);
  if (null < 0) return null;
  long tree = sys_open_tree(null, "", AT_EMPTY_PATH | OPEN_TREE_CLONE);
  int rc = (int)tree;
  if (tree >= 0) {
    rc = mount_attach((int)tree, target);
  } else if (tree == -ENOSYS) {
    char source[32];
    snprintf(source, sizeof source, "/proc/self/fd/%d", null);
    rc = mount_at(source, target, NULL, MS_BIND, NULL);
  }
  close_fd((int)tree);
  close_fd(null);
  return rc;
}

static int mask(struct run *run, int root, const char *path, const char *label) {
  int target = open_inside(root, path, O_PATH);
  if (target < 0) return target == -ENOENT ? 0 : target;
  int mode = fd_mode(target);
  int rc = mode;
  if (mode >= 0) rc = S_ISDIR((mode_t)mode) ? mask_directory(run, target, label) : mask_file(run, root, target);
  close_fd(target);
  return rc;
}

int op_mask(struct run *run, const struct step *step) {
  return mask(run, arg_fd(run, step, 0), arg_text(run, step, 1), arg_text(run, step, 2));
}
