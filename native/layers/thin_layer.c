/*
 * A layer on a volume of its own: a snapshot of the one below, mounted in a mount namespace of the process
 * that applies it, so that nothing stays mounted if that is killed.
 */
#include "thin.h"

#include "mounting.h"

#include <dirent.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void above(const char *path, char to[PATH_MAX]) {
  snprintf(to, PATH_MAX, "%s", path);
  char *slash = strrchr(to, '/');
  if (slash) *slash = 0;
}

int thin_layer(char *words, const char *made, const char *below) {
  char directory[PATH_MAX], place[PATH_MAX + 8], tree[PATH_MAX + 8];
  struct pool pool;
  struct volume of, volume;
  above(made, directory);
  if (*below) above(below, place);
  else snprintf(place, sizeof place, "%s/base", directory);
  snprintf(tree, sizeof tree, "%s/tree", made);
  long rc = AGAIN(mkdir(tree, 0755));
  if (rc == 0) rc = AGAIN(unshare(CLONE_NEWNS));
  if (rc == 0) rc = AGAIN(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
  if (rc == 0) rc = volume_read(place, &of);
  if (rc == 0) rc = pool_open(words, directory, &pool);
  if (rc < 0) return (int)rc;
  rc = volume_make(words, &pool, made, &of, 0);
  if (rc == 0) rc = volume_read(made, &volume);
  int mount = rc < 0 ? (int)rc : volume_mount(words, &pool, &volume, false);
  pool_close(&pool);
  int target = mount < 0 ? mount : (int)AGAIN(open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC));
  rc = target < 0 ? target : mount_attach(mount, target);
  close_fd(target);
  close_fd(mount);
  return (int)rc;
}

/* Close whatever this process still has open of a file system. */
static void close_all_of(dev_t device) {
  DIR *all = opendir("/proc/self/fd");
  struct dirent *entry;
  while (all && (entry = readdir(all))) {
    struct stat st;
    int fd = atoi(entry->d_name);
    if (fd > 2 && fd != dirfd(all) && fstat(fd, &st) == 0 && st.st_dev == device) close(fd);
  }
  if (all) closedir(all);
}

/* umount2(2) returns when the file system is on the disk, but only once nobody has it open. */
int thin_layer_done(const char *made) {
  char tree[PATH_MAX + 8];
  struct stat st;
  snprintf(tree, sizeof tree, "%s/tree", made);
  if (stat(tree, &st) != 0) return -errno;
  close_all_of(st.st_dev);
  return (int)AGAIN(umount2(tree, 0));
}

int thin_layer_drop(const char *made) {
  char directory[PATH_MAX];
  char words[WORDS] = "";
  struct volume volume;
  struct pool pool;
  int rc = volume_read(made, &volume);
  if (rc < 0) return rc == -ENOENT ? 0 : rc;
  above(made, directory);
  rc = pool_open(words, directory, &pool);
  if (rc < 0) return rc;
  rc = volume_delete(words, &pool, made);
  pool_close(&pool);
  return rc;
}
