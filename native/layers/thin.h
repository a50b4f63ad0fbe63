/*
 * The device mapper's thin provisioning (admin-guide/device-mapper/thin-provisioning.rst): a pool
 * of blocks, in it volumes that share blocks with those they are snapshots of.
 *
 *   dm.c       device mapper and loop devices, by ioctl
 *   thin.c     a pool in a directory of the store, and volumes by their records
 *   thin_layer.c  layers on them
 *   thin_requests.c  the requests
 */
#ifndef CTR_THIN_H
#define CTR_THIN_H

#include "kernel.h"
#include "words.h"

#include <stdbool.h>

/* --- dm.c. All give 0 or a descriptor, or -errno. */

#define DM_NAME 128

/* Make an active device of one target over `sectors`. -EBUSY: there is one of that name. The pool is locked meanwhile. */
int dm_create(const char *name, uint64_t sectors, const char *type, const char *params);
/* Remove a device when nobody has it open any more: at once, or by the kernel later. */
int dm_remove_later(const char *name);
/* A device's number, or -ENXIO where there is none of that name. */
int dm_number(const char *name, dev_t *number);
/* A message to the target at its first sector. */
int dm_message(const char *name, const char *message);
/* What its first target says of itself; `type` gets the target's name. -ENODEV: it has none. */
int dm_status(const char *name, char type[16], char *text, size_t room);
/* Open a block device by its number; `path` gets a path that leads to it. */
int block_open(dev_t number, int flags, char *path, size_t room);
/* A loop device over a file, which goes by itself when its last user closes it; one that is there is used again. */
int loop_attach(const char *file, dev_t *number);

/* --- thin.c */

struct pool {
  const char *directory; /* STORE/devicemapper/NAME */
  char name[DM_NAME];    /* of the device */
  dev_t number;
  bool own;  /* made of loop devices by us */
  int fd;    /* holds it active, or -1 */
  int lock;  /* held while volumes get their numbers */
};

struct volume {
  uint32_t id;
  uint64_t sectors;
  char directory[4096]; /* of its pool */
};

/* Find the pool or make it active, and lock it. Words in words. */
int pool_open(char *words, const char *directory, struct pool *pool);
void pool_close(struct pool *pool);
/* Whether the store's own pool in that directory is active. */
bool pool_active(const char *directory);
/* Volume that the file `device` in `place` names. -ENOENT where there is none. */
int volume_read(const char *place, struct volume *volume);
/* A new volume for `place`, which must exist: its record is there before it is. `of` NULL: an empty one of `sectors`. */
int volume_make(char *words, struct pool *pool, const char *place, const struct volume *of, uint64_t sectors);
/* Delete the volume of `place`, if there is one. */
int volume_delete(char *words, struct pool *pool, const char *place);
/* A detached mount of a volume. Its device goes with its last mount. */
int volume_mount(char *words, const struct pool *pool, const struct volume *volume, bool read_only);
/* Make the volume active: a descriptor that holds it so, and a path to it. It goes when that is closed. */
int volume_open(char *words, const struct pool *pool, const struct volume *volume, char *path, size_t room);

/* --- thin_layer.c */

/* For a layer: a volume for `made` upon that of the layer below (empty text: upon the base), mounted at made/tree. */
int thin_layer(char *words, const char *made, const char *below);
/* Unmount made/tree, with all on the disk. */
int thin_layer_done(const char *made);
/* Delete what was made of a layer: the volume of `made`; the directory stays. */
int thin_layer_drop(const char *made);

#endif
