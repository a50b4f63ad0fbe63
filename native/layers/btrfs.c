/* btrfs's subvolumes by ioctl (btrfs-ioctl(2)): no program of btrfs-progs is needed. */
#include "btrfs.h"

#include "kernel.h"
#include "request.h"
#include "tree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* linux/btrfs.h, which brings linux/fs.h along, which cannot stand beside sys/mount.h (kernel.h) */
struct btrfs_ioctl_vol_args {
  int64_t fd;
  char name[4088];
};
struct btrfs_ioctl_vol_args_v2 {
  int64_t fd;
  uint64_t transid, flags, unused[4];
  char name[4040];
};
#define BTRFS_IOC_SNAP_DESTROY _IOW(0x94, 15, struct btrfs_ioctl_vol_args)
#define BTRFS_IOC_SNAP_CREATE_V2 _IOW(0x94, 23, struct btrfs_ioctl_vol_args_v2)
#define BTRFS_IOC_SUBVOL_CREATE_V2 _IOW(0x94, 24, struct btrfs_ioctl_vol_args_v2)

/* The directory that holds `path`, and the last component in `name`. */
static int parent(const char *path, char *name, size_t room) {
  const char *slash = strrchr(path, '/');
  const char *last = slash ? slash + 1 : path;
  if (!*last || strlen(last) >= room) return -EINVAL;
  strcpy(name, last);
  char *above = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
  if (!above) return -ENOMEM;
  int fd = (int)AGAIN(open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  free(above);
  return fd;
}

int btrfs_subvolume(const char *path, const char *of) {
  struct btrfs_ioctl_vol_args_v2 args = {0};
  int dir = parent(path, args.name, sizeof args.name);
  if (dir < 0) return dir;
  int from = -1;
  long rc = 0;
  if (*of) {
    from = (int)AGAIN(open(of, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    args.fd = from;
    rc = from < 0 ? from : AGAIN(ioctl(dir, BTRFS_IOC_SNAP_CREATE_V2, &args));
  } else {
    rc = AGAIN(ioctl(dir, BTRFS_IOC_SUBVOL_CREATE_V2, &args));
  }
  close_fd(from);
  close_fd(dir);
  return (int)rc;
}

int btrfs_delete(const char *path) {
  struct btrfs_ioctl_vol_args args = {0};
  int dir = parent(path, args.name, sizeof args.name);
  if (dir < 0) return dir;
  long rc = AGAIN(ioctl(dir, BTRFS_IOC_SNAP_DESTROY, &args));
  close_fd(dir);
  return (int)rc;
}

int request_subvolume(struct request *r) {
  return btrfs_subvolume(r->args[SUBVOLUME_PATH].text, r->args[SUBVOLUME_OF].text);
}

int request_remove_subvolume(struct request *r) {
  const char *path = r->args[REMOVE_SUBVOLUME_PATH].text;
  int rc = btrfs_delete(path);
  return rc == 0 || rc == -ENOENT ? 0 : remove_tree(r->words, path);
}
