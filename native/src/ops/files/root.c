/* Changing the root. */
#include "args.h"
#include "enumerations.h"
#include "mounting.h"
#include "ops.h"
#include "plan.h"
#include "run.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * pivot_root(2) wants neither the new root's parent mount shared nor, as the old root is put on it,
 * the new root itself. The parent is reached by going up to the first directory that is on
 * another mount.
 */
static int make_private(int root) {
  uint64_t id = fd_mount(root);
  long fd = AGAIN(openat(root, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) return (int)fd;
  if (id == 0 || fd_mount((int)fd) == id) { /* the root is not a mount of its own */
    close_fd((int)fd);
    return -EINVAL;
  }
  id = fd_mount((int)fd);
  for (;;) {
    struct stat here, above;
    long up = AGAIN(openat((int)fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    bool top = up < 0 || fd_mount((int)up) != id;
    if (!top && fstat((int)fd, &here) == 0 && fstat((int)up, &above) == 0)
      top = here.st_ino == above.st_ino && here.st_dev == above.st_dev;
    if (top) {
      close_fd((int)up);
      break;
    }
    close_fd((int)fd);
    fd = up;
  }
  int rc = mount_propagate((int)fd, MS_PRIVATE);
  if (rc == 0) rc = mount_propagate(root, MS_PRIVATE);
  close_fd((int)fd);
  return rc;
}

static int pivot(struct run *run, int root) {
  long old = AGAIN(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (old < 0) return (int)old;
  long rc = AGAIN(fchdir(root));
  /* pivot_root(2), NOTES: pivot_root(".", ".") stacks the old root on the new one; no directory is needed. */
  if (rc == 0) rc = KERNEL(SYS_pivot_root, ".", ".");
  if (rc == -EINVAL && make_private(root) == 0) {
    rc = AGAIN(fchdir(root));
    if (rc == 0) rc = KERNEL(SYS_pivot_root, ".", ".");
  }
  if (rc == -EINVAL) detail(run, "the root is not a mount point, or the old root is the initramfs");
  if (rc == 0) rc = AGAIN(fchdir((int)old));
  /* Slave first, so that unmounting goes no further than this namespace. */
  if (rc == 0) rc = AGAIN(mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL));
  if (rc == 0) rc = AGAIN(umount2(".", MNT_DETACH));
  if (rc == 0) rc = AGAIN(chdir("/"));
  close_fd((int)old);
  return (int)rc;
}

/*
 * Without pivot_root the old root stays below the new one, and with it every /proc and /sys that
 * is fully visible, by which a user namespace inside may mount new ones (mount_too_revealing).
 * They go first (runc, msMoveRoot).
 */
static int hide_old_filesystems(const char *keep) {
  FILE *info = fopen("/proc/self/mountinfo", "re");
  if (!info) return -errno;
  char *line = NULL, **points = NULL;
  size_t room = 0, count = 0;
  int rc = 0;
  while (getline(&line, &room, info) > 0) {
    char *point = NULL;
    if (sscanf(line, "%*s %*s %*s %*s %ms", &point) != 1) continue;
    char *type = strstr(line, " - ");
    bool target = type && (strncmp(type, " - proc ", 8) == 0 || strncmp(type, " - sysfs ", 9) == 0);
    size_t n = strlen(keep);
    if (strncmp(point, keep, n) == 0 && (point[n] == '/' || point[n] == '\0')) target = false;
    char **more = target ? realloc(points, (count + 1) * sizeof *points) : NULL;
    if (more) (points = more)[count++] = point;
    else free(point);
  }
  free(line);
  fclose(info);
  while (count > 0) {
    char *point = points[--count];
    long one = AGAIN(mount(NULL, point, NULL, MS_SLAVE | MS_REC, NULL));
    if (one == 0) one = AGAIN(umount2(point, MNT_DETACH));
    /* In a user namespace it may be locked; then it is covered. Gone with one above it is EINVAL. */
    if (one == -EINVAL || one == -EPERM) {
      one = AGAIN(mount("tmpfs", point, "tmpfs", MS_RDONLY, NULL));
      if (one == -ENOENT || one == -ENOTDIR) one = 0;
    }
    if (rc == 0 && one != -ENOENT) rc = (int)one;
    free(point);
  }
  free(points);
  return rc;
}

/* chroot(2), after moving the root over / where that is wanted. */
static int enter_root(int root, bool move) {
  long rc = AGAIN(fchdir(root));
  if (rc == 0 && move) {
    char here[PATH_MAX];
    rc = KERNEL(SYS_getcwd, here, sizeof here);
    if (rc > 0) rc = hide_old_filesystems(here);
    if (rc == 0) rc = AGAIN(mount(".", "/", NULL, MS_MOVE, NULL));
  }
  if (rc == 0) rc = AGAIN(chroot("."));
  if (rc == 0) rc = AGAIN(chdir("/"));
  return (int)rc;
}

int op_change_root(struct run *run, const struct step *step) {
  int root = arg_fd(run, step, 0);
  enum leaving leaving = (enum leaving)arg_int(run, step, 1);
  return leaving == LEAVING_PIVOT ? pivot(run, root) : enter_root(root, leaving == LEAVING_MOVE);
}
