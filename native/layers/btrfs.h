/* btrfs.c: subvolumes. */
#ifndef CTR_BTRFS_H
#define CTR_BTRFS_H

/* Make a subvolume at `path`: an empty one, or a snapshot of the subvolume `of`. 0 or -errno. */
int btrfs_subvolume(const char *path, const char *of);
/* Delete a subvolume. -ENOTTY or -EINVAL where it is none. */
int btrfs_delete(const char *path);

#endif
