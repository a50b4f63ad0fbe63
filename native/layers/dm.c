/*
 * Device mapper and loop devices by ioctl (linux/dm-ioctl.h; loop(4)). Not by dmsetup and losetup: neither
 * can ask for a loop device that goes with its last user, and each waits for a udev that may not be there.
 */
#include "thin.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include <linux/dm-ioctl.h>
#include <linux/loop.h>

/* linux/loop.h, from Linux 5.8 on */
#ifndef LOOP_CONFIGURE
#define LOOP_CONFIGURE 0x4C0A
struct loop_config {
  uint32_t fd, block_size;
  struct loop_info64 info;
  uint64_t reserved[8];
};
#endif

#define ROOM 4096

/* One request: the head, and what comes behind it. */
union request {
  struct dm_ioctl head;
  char bytes[ROOM];
};

static void begin(union request *r, const char *name, uint32_t flags) {
  memset(r, 0, sizeof *r);
  r->head.version[0] = DM_VERSION_MAJOR; /* the kernel compares the first, and wants no lesser second */
  r->head.data_size = sizeof *r;
  r->head.data_start = sizeof r->head;
  r->head.flags = flags;
  snprintf(r->head.name, sizeof r->head.name, "%s", name);
}

static int ask(unsigned long what, union request *r) {
  int control = (int)AGAIN(open("/dev/mapper/control", O_RDWR | O_CLOEXEC));
  if (control < 0) return control;
  long rc = AGAIN(ioctl(control, what, r));
  close_fd(control);
  return rc < 0 ? (int)rc : 0;
}

static int by_name(unsigned long what, const char *name, uint32_t flags) {
  union request r;
  begin(&r, name, flags);
  return ask(what, &r);
}

int dm_create(const char *name, uint64_t sectors, const char *type, const char *params) {
  union request r;
  char found[16], status[8];
  int rc = by_name(DM_DEV_CREATE, name, 0);
  /* Whoever made it was killed before it had a table: it is nobody's. */
  if (rc == -EBUSY && dm_status(name, found, status, sizeof status) == -ENODEV) {
    rc = by_name(DM_DEV_REMOVE, name, 0);
    if (rc == 0 || rc == -ENXIO) rc = by_name(DM_DEV_CREATE, name, 0);
  }
  if (rc < 0) return rc;
  begin(&r, name, 0);
  struct dm_target_spec *spec = (struct dm_target_spec *)(r.bytes + r.head.data_start);
  r.head.target_count = 1;
  spec->length = sectors;
  snprintf(spec->target_type, sizeof spec->target_type, "%s", type);
  snprintf((char *)(spec + 1), sizeof r - sizeof r.head - sizeof *spec, "%s", params);
  rc = ask(DM_TABLE_LOAD, &r);
  if (rc == 0) rc = by_name(DM_DEV_SUSPEND, name, 0); /* without DM_SUSPEND_FLAG: resume */
  if (rc < 0) (void)by_name(DM_DEV_REMOVE, name, 0);
  return rc;
}

int dm_remove_later(const char *name) { return by_name(DM_DEV_REMOVE, name, DM_DEFERRED_REMOVE); }

int dm_number(const char *name, dev_t *number) {
  union request r;
  begin(&r, name, 0);
  int rc = ask(DM_DEV_STATUS, &r);
  if (rc == 0) *number = (dev_t)r.head.dev;
  return rc;
}

int dm_message(const char *name, const char *message) {
  union request r;
  begin(&r, name, 0);
  struct dm_target_msg *target = (struct dm_target_msg *)(r.bytes + r.head.data_start);
  snprintf(target->message, sizeof r - sizeof r.head - sizeof *target, "%s", message);
  return ask(DM_TARGET_MSG, &r);
}

int dm_status(const char *name, char type[16], char *text, size_t room) {
  union request r;
  begin(&r, name, 0);
  int rc = ask(DM_TABLE_STATUS, &r);
  if (rc < 0) return rc;
  if (r.head.target_count == 0) return -ENODEV;
  const struct dm_target_spec *spec = (const struct dm_target_spec *)(r.bytes + r.head.data_start);
  snprintf(type, 16, "%s", spec->target_type);
  snprintf(text, room, "%s", (const char *)(spec + 1));
  return 0;
}

/* The kernel makes the nodes itself where /dev is a devtmpfs. Elsewhere it takes one of our own. */
int block_open(dev_t number, int flags, char *path, size_t room) {
  char link[64], to[64];
  struct stat st;
  snprintf(link, sizeof link, "/sys/dev/block/%u:%u/uevent", major(number), minor(number));
  FILE *event = fopen(link, "re");
  if (!event) return errno == ENOENT ? -ENXIO : -errno;
  bool named = false;
  char line[128];
  while (!named && fgets(line, sizeof line, event)) named = sscanf(line, "DEVNAME=%63s", to) == 1;
  fclose(event);
  snprintf(path, room, "/dev/%s", named ? to : "none");
  if (stat(path, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == number)
    return (int)AGAIN(open(path, flags | O_CLOEXEC));
  snprintf(path, room, "/dev/ctr-%u-%u", major(number), minor(number));
  if (AGAIN(mknod(path, S_IFBLK | 0600, number)) < 0 && errno != EEXIST) return -errno;
  return (int)AGAIN(open(path, flags | O_CLOEXEC));
}

static bool is_over(int loop, const struct stat *file) {
  struct loop_info64 info;
  return ioctl(loop, LOOP_GET_STATUS64, &info) == 0 && info.lo_device == file->st_dev &&
         info.lo_inode == file->st_ino;
}

/*
 * A loop device that has the file already: that of a pool which is just going away. Two devices over
 * one file would let two pools write the same metadata; of one device the kernel allows only one.
 */
static int find_loop(const struct stat *file) {
  DIR *all = opendir("/sys/block");
  struct dirent *entry;
  int found = -1;
  while (all && found < 0 && (entry = readdir(all))) {
    char path[300];
    snprintf(path, sizeof path, "/sys/block/%s/loop", entry->d_name);
    if (strncmp(entry->d_name, "loop", 4) != 0 || access(path, F_OK) != 0) continue;
    snprintf(path, sizeof path, "/dev/%s", entry->d_name);
    int loop = (int)AGAIN(open(path, O_RDWR | O_CLOEXEC));
    if (loop >= 0 && is_over(loop, file)) found = loop;
    else close_fd(loop);
  }
  if (all) closedir(all);
  return found;
}

static int new_loop(const char *file, int backing) {
  int control = (int)AGAIN(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (control < 0) return control;
  int result = -EBUSY;
  for (int round = 0; round < 64 && result == -EBUSY; round++) { /* others take the free one in between */
    struct loop_config config = {.fd = (uint32_t)backing, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
    char path[32];
    long number = AGAIN(ioctl(control, LOOP_CTL_GET_FREE));
    if (number < 0) {
      result = (int)number;
      break;
    }
    snprintf(path, sizeof path, "/dev/loop%ld", number);
    snprintf((char *)config.info.lo_file_name, sizeof config.info.lo_file_name, "%s", file);
    int loop = (int)AGAIN(open(path, O_RDWR | O_CLOEXEC));
    if (loop < 0 && errno == ENOENT && mknod(path, S_IFBLK | 0600, makedev(7, (unsigned)number)) == 0)
      loop = (int)AGAIN(open(path, O_RDWR | O_CLOEXEC));
    if (loop < 0) {
      result = loop;
      break;
    }
    result = (int)AGAIN(ioctl(loop, LOOP_CONFIGURE, &config));
    if (result == 0) result = loop;
    else close_fd(loop);
  }
  close_fd(control);
  return result;
}

int loop_attach(const char *file, dev_t *number) {
  struct stat st;
  int backing = (int)AGAIN(open(file, O_RDWR | O_CLOEXEC));
  if (backing < 0) return backing;
  int loop = fstat(backing, &st) == 0 ? find_loop(&st) : -errno;
  if (loop == -1) loop = new_loop(file, backing);
  close_fd(backing);
  if (loop >= 0 && fstat(loop, &st) == 0) *number = st.st_rdev;
  return loop;
}
