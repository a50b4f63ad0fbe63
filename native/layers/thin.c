/*
 * A thin pool of the store and its volumes. What a volume is for lies in a directory, its place, and
 * the file `device` in it says which volume: `NUMBER SECTORS POOL'S DIRECTORY`.
 *
 * Whoever dies leaves nothing that nobody knows: a volume's number is the pool's own transaction ID,
 * which only goes up and which the pool compares before it changes it (so several stores may share a
 * pool); the record is written before the volume is made. Devices, pool and loop devices alike, are
 * marked to be removed by the kernel when their last user has gone (DM_DEFERRED_REMOVE, loop(4)
 * LO_FLAGS_AUTOCLEAR): a mount that ends takes all of them along, however it ends.
 */
#include "thin.h"

#include "io.h"
#include "mounting.h"

#include <dirent.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#define BLOCK 128                        /* sectors: 64 KiB, the least that a pool's block may have */
#define PATIENCE 1000                    /* times 10 ms, for a device that is just going away */
#define LAST_VOLUME ((1u << 24) - 1)     /* thin-provisioning.rst: numbers have 24 bits */
#define DISCARD _IO(0x12, 119)           /* linux/fs.h BLKDISCARD */

static int attach(const char *directory, const char *name, dev_t *number, uint64_t *bytes) {
  char file[PATH_MAX];
  struct stat st;
  snprintf(file, sizeof file, "%s/%s", directory, name);
  int fd = loop_attach(file, number);
  if (fd >= 0 && stat(file, &st) == 0) *bytes = (uint64_t)st.st_size;
  return fd;
}

/* The pool over two files. */
static int make_own(const struct pool *pool) {
  dev_t metadata = 0, data = 0;
  uint64_t ignored, bytes = 0;
  char table[160];
  int a = attach(pool->directory, "metadata", &metadata, &ignored);
  int b = a < 0 ? a : attach(pool->directory, "data", &data, &bytes);
  int rc = b;
  if (b >= 0) {
    /* Without space a write fails at once, and is not kept waiting for a bigger pool. */
    snprintf(table, sizeof table, "%u:%u %u:%u %d 0 1 error_if_no_space", major(metadata), minor(metadata),
             major(data), minor(data), BLOCK);
    rc = dm_create(pool->name, bytes / 512, "thin-pool", table);
  }
  close_fd(a); /* the pool has them open, or they go */
  close_fd(b);
  return rc;
}

/* One try: the pool's device, open. -EAGAIN: it is just going away. */
static int try_open(char *words, struct pool *pool) {
  char path[64], type[16], status[1024];
  int rc = dm_number(pool->name, &pool->number);
  if (rc == 0 && pool->own && dm_status(pool->name, type, status, sizeof status) == -ENODEV) rc = -ENXIO;
  if (rc == -ENXIO && !pool->own) {
    words_say(words, "there is no device mapper's device %s (dmsetup ls --target thin-pool)", pool->name);
    return -E_DETAIL;
  }
  if (rc == -ENXIO) {
    rc = make_own(pool);
    if (rc == -EBUSY) return -EAGAIN;
    if (rc == -EINVAL) words_say(words, "this kernel has no thin pools, or does not take this one (dmesg says more)");
    if (rc == 0) rc = dm_number(pool->name, &pool->number);
  }
  if (rc < 0) return rc;
  int fd = block_open(pool->number, O_RDONLY, path, sizeof path);
  if (fd < 0) return fd == -ENXIO || fd == -ENOENT || fd == -ENODEV ? -EAGAIN : fd;
  if (pool->own) rc = dm_remove_later(pool->name);
  if (rc == 0) rc = dm_status(pool->name, type, status, sizeof status);
  if (rc == 0 && strcmp(type, "thin-pool") != 0) {
    words_say(words, "%s is not a thin pool but %s", pool->name, type);
    rc = -E_DETAIL;
  } else if (rc == 0 && (strncmp(status, "Fail", 4) == 0 || strstr(status, "needs_check"))) {
    words_say(words, "the thin pool %s is damaged; thin_check and thin_repair look at its metadata", pool->name);
    rc = -E_DETAIL;
  }
  if (rc < 0) close_fd(fd);
  return rc < 0 ? rc : above_stdio(fd);
}

/* What device the pool of a directory is. */
static int identify(const char *directory, struct pool *pool) {
  struct stat st;
  const char *last = strrchr(directory, '/');
  *pool = (struct pool){.directory = directory, .fd = -1, .lock = -1};
  pool->own = last && strcmp(last, "/loop") == 0;
  if (stat(directory, &st) != 0) return -errno;
  if (pool->own)
    snprintf(pool->name, sizeof pool->name, "ctr-%llx-%llx", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
  else
    snprintf(pool->name, sizeof pool->name, "%s", last ? last + 1 : directory);
  return 0;
}

bool pool_active(const char *directory) {
  struct pool pool;
  return identify(directory, &pool) == 0 && pool.own && dm_number(pool.name, &pool.number) == 0;
}

int pool_open(char *words, const char *directory, struct pool *pool) {
  char path[PATH_MAX];
  int found = identify(directory, pool);
  if (found < 0) return found;
  snprintf(path, sizeof path, "%s/lock", directory);
  pool->lock = above_stdio((int)AGAIN(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)));
  if (pool->lock < 0) return pool->lock;
  long rc = AGAIN(flock(pool->lock, LOCK_EX));
  for (int i = 0; rc == 0 && i < PATIENCE; i++) {
    pool->fd = try_open(words, pool);
    if (pool->fd != -EAGAIN) break;
    sleep_ms(10);
  }
  if (pool->fd == -EAGAIN) words_say(words, "its device %s neither goes nor can be used", pool->name);
  if (rc == 0 && pool->fd < 0) rc = pool->fd;
  if (rc < 0) {
    pool->fd = -1;
    pool_close(pool);
  }
  return (int)rc;
}

void pool_close(struct pool *pool) {
  close_fd(pool->fd);
  close_fd(pool->lock);
  pool->fd = pool->lock = -1;
}

int volume_read(const char *place, struct volume *volume) {
  char path[PATH_MAX], text[PATH_MAX + 64];
  snprintf(path, sizeof path, "%s/device", place);
  int fd = (int)AGAIN(open(path, O_RDONLY | O_CLOEXEC));
  if (fd < 0) return fd;
  long n = AGAIN(read(fd, text, sizeof text - 1));
  close_fd(fd);
  if (n < 0) return (int)n;
  text[n] = 0;
  unsigned long long sectors;
  int used = 0;
  if (sscanf(text, "%u %llu %n", &volume->id, &sectors, &used) != 2 || used == 0) return -EUCLEAN;
  volume->sectors = sectors;
  text[strcspn(text, "\n")] = 0;
  snprintf(volume->directory, sizeof volume->directory, "%s", text + used);
  return 0;
}

/* On the disk before there is anything that it names. */
static int write_record(const char *place, const struct volume *volume) {
  char path[PATH_MAX], text[PATH_MAX + 64];
  snprintf(path, sizeof path, "%s/device", place);
  int length = snprintf(text, sizeof text, "%u %llu %s\n", volume->id, (unsigned long long)volume->sectors,
                        volume->directory);
  int fd = (int)AGAIN(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd < 0) return fd;
  long rc = write_all(fd, text, (size_t)length);
  if (rc == 0) rc = AGAIN(fsync(fd));
  close_fd(fd);
  if (rc < 0) unlink(path);
  return (int)rc;
}

static void drop_record(const char *place) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/device", place);
  unlink(path);
}

/* A number that no volume of the pool ever had: the transaction's, which it takes. */
static int next_number(const struct pool *pool, uint32_t *id) {
  char type[16], status[1024], message[96];
  for (int i = 0; i < 100; i++) {
    int rc = dm_status(pool->name, type, status, sizeof status);
    if (rc < 0) return rc;
    unsigned long long now = strtoull(status, NULL, 10);
    if (now >= LAST_VOLUME) return -EOVERFLOW;
    snprintf(message, sizeof message, "set_transaction_id %llu %llu", now, now + 1);
    rc = dm_message(pool->name, message);
    *id = (uint32_t)now + 1;
    if (rc != -EINVAL) return rc; /* else somebody of another store was quicker */
  }
  return -EBUSY;
}

int volume_make(char *words, struct pool *pool, const char *place, const struct volume *of, uint64_t sectors) {
  char message[64];
  struct volume volume = {.sectors = of ? of->sectors : sectors};
  snprintf(volume.directory, sizeof volume.directory, "%s", pool->directory);
  for (;;) {
    int rc = next_number(pool, &volume.id);
    if (rc == 0) rc = write_record(place, &volume);
    if (rc < 0) return rc;
    if (of) snprintf(message, sizeof message, "create_snap %u %u", volume.id, of->id);
    else snprintf(message, sizeof message, "create_thin %u", volume.id);
    rc = dm_message(pool->name, message);
    if (rc == 0) return 0;
    drop_record(place);
    if (rc == -EEXIST) continue; /* somebody else's, who does not count by transactions */
    words_say(words, "the thin pool %s: %s", pool->name, message);
    return rc;
  }
}

int volume_open(char *words, const struct pool *pool, const struct volume *volume, char *path, size_t room) {
  char name[DM_NAME + 32], table[64];
  snprintf(name, sizeof name, "%s%s-%u", pool->name, pool->own ? "" : "-ctr", volume->id);
  name[DM_NAME - 1] = 0;
  snprintf(table, sizeof table, "%u:%u %u", major(pool->number), minor(pool->number), volume->id);
  for (int i = 0; i < PATIENCE; i++) {
    dev_t number;
    int rc = dm_create(name, volume->sectors, "thin", table);
    if (rc == -EBUSY || rc == 0) rc = dm_number(name, &number);
    int fd = rc < 0 ? rc : block_open(number, O_RDWR, path, room);
    if (fd >= 0) {
      (void)dm_remove_later(name);
      return above_stdio(fd);
    }
    if (fd != -ENXIO && fd != -ENOENT && fd != -ENODEV) {
      words_say(words, "the volume %s of the thin pool", name);
      return fd;
    }
    sleep_ms(10);
  }
  return -EBUSY;
}

int volume_mount(char *words, const struct pool *pool, const struct volume *volume, bool read_only) {
  char path[64];
  int device = volume_open(words, pool, volume, path, sizeof path);
  if (device < 0) return device;
  int fs = filesystem_open(words, "ext4");
  int rc = fs;
  if (fs >= 0) rc = filesystem_option(words, fs, "source", path);
  if (rc >= 0 && read_only) rc = filesystem_option(words, fs, "ro", NULL);
  if (rc >= 0) rc = filesystem_mount(words, fs, read_only ? MOUNT_ATTR_RDONLY : 0);
  else close_fd(fs);
  close_fd(device);
  return rc;
}

/* What only this volume has goes back to the file system below the pool; deleting alone does not do that. */
static void discard(char *words, const struct pool *pool, const struct volume *volume) {
  char path[64];
  int fd = volume_open(words, pool, volume, path, sizeof path);
  uint64_t range[2] = {0, volume->sectors * 512};
  if (fd >= 0) (void)ioctl(fd, DISCARD, range);
  close_fd(fd);
  words[0] = 0;
}

int volume_delete(char *words, struct pool *pool, const char *place) {
  struct volume volume;
  char message[32];
  int rc = volume_read(place, &volume);
  if (rc < 0) return rc == -ENOENT ? 0 : rc;
  if (pool->own) discard(words, pool, &volume);
  snprintf(message, sizeof message, "delete %u", volume.id);
  for (int i = 0; i < PATIENCE; i++) {
    rc = dm_message(pool->name, message);
    if (rc != -EBUSY) break;
    sleep_ms(10);
  }
  if (rc == -EBUSY) words_say(words, "volume %u of the thin pool %s is still mounted somewhere", volume.id, pool->name);
  if (rc == -ENODATA) rc = 0; /* it was never made */
  if (rc == 0) drop_record(place);
  return rc;
}
