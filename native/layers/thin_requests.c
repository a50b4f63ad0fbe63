/* Thin pools and their volumes: what can be asked of them, and removing what may lie on one. */
#include "btrfs.h"
#include "mounting.h"
#include "path.h"
#include "request.h"
#include "signals.h"
#include "thin.h"
#include "tree.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* A file of holes, there in its full size or not there. */
static int make_file(char *words, const char *directory, const char *name, uint64_t bytes) {
  char path[PATH_MAX], half[PATH_MAX + 8];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  snprintf(half, sizeof half, "%s.new", path);
  if (access(path, F_OK) == 0) return 0;
  int fd = (int)AGAIN(open(half, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (fd < 0) return fd;
  long rc = AGAIN(ftruncate(fd, (off_t)bytes));
  if (rc == 0) rc = AGAIN(fsync(fd));
  close_fd(fd);
  if (rc == 0) rc = AGAIN(rename(half, path));
  if (rc < 0) words_say(words, "%s, %llu bytes long", path, (unsigned long long)bytes);
  return (int)rc;
}

/* mkfs of a device, whose path goes behind its arguments. What it says is shown if it fails. */
static int format(char *words, char **argv, unsigned count, const char *path) {
  int out[2], status = 0;
  char said[400];
  size_t kept = 0;
  if (pipe2(out, O_CLOEXEC) != 0) return -errno;
  pid_t parent = getpid(), child = fork();
  if (child == 0) {
    char **all = calloc(count + 2, sizeof *all);
    char *none[] = {NULL};
    signals_to_default();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || !all) _exit(1);
    memcpy(all, argv, count * sizeof *all);
    all[count] = (char *)(uintptr_t)path;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (dup2(null, 0) == 0 && dup2(out[1], 1) == 1 && dup2(out[1], 2) == 2) {
      (void)KERNEL(SYS_close_range, 3, ~0u, 0); /* all of ours are close-on-exec where there is no such call */
      execve(all[0], all, none);
    }
    dprintf(2, "%s", strerror(errno));
    _exit(127);
  }
  close_fd(out[1]);
  for (long n; child > 0 && (n = AGAIN(read(out[0], said + kept, sizeof said - 1 - kept))) > 0;) kept += (size_t)n;
  close_fd(out[0]);
  if (child < 0) return -errno;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  said[kept] = 0;
  for (char *at = said; *at; at++)
    if ((unsigned char)*at < ' ') *at = ' ';
  words_say(words, "%s failed: %s", argv[0], said);
  return -E_DETAIL;
}

/* A fresh file system has a directory of its own, which belongs to no image. */
static int empty(char *words, const struct pool *pool, const struct volume *volume) {
  int mount = volume_mount(words, pool, volume, false);
  if (mount < 0) return mount;
  long rc = AGAIN(unlinkat(mount, "lost+found", AT_REMOVEDIR));
  close_fd(mount);
  return rc == -ENOENT ? 0 : (int)rc;
}

/* The volume that the lowest layers are snapshots of. */
static int make_base(char *words, struct pool *pool, uint64_t bytes, char **mkfs, unsigned count) {
  char base[PATH_MAX], half[PATH_MAX], path[64];
  struct volume volume;
  snprintf(base, sizeof base, "%s/base", pool->directory);
  snprintf(half, sizeof half, "%s/base.new", pool->directory);
  if (access(base, F_OK) == 0) return 0;
  int rc = volume_delete(words, pool, half); /* somebody died over it */
  if (rc == 0) rc = remove_tree(words, half);
  if (rc == 0) rc = (int)AGAIN(mkdir(half, 0700));
  if (rc == 0) rc = volume_make(words, pool, half, NULL, bytes / 512);
  if (rc == 0) rc = volume_read(half, &volume);
  if (rc < 0) return rc;
  int device = volume_open(words, pool, &volume, path, sizeof path);
  rc = device < 0 ? device : format(words, mkfs, count, path);
  close_fd(device);
  if (rc == 0) rc = empty(words, pool, &volume);
  return rc < 0 ? rc : (int)AGAIN(rename(half, base));
}

int request_thin_pool(struct request *r) {
  const char *directory = r->args[THIN_POOL_DIRECTORY].text, *last = strrchr(directory, '/');
  const struct request_arg *mkfs = r->args + THIN_POOL_MKFS;
  struct pool pool;
  if (mkfs->number == 0) return -EINVAL;
  int rc = 0;
  if (last && strcmp(last, "/loop") == 0) {
    rc = make_file(r->words, directory, "data", (uint64_t)r->args[THIN_POOL_DATA].number);
    if (rc == 0) rc = make_file(r->words, directory, "metadata", (uint64_t)r->args[THIN_POOL_METADATA].number);
  }
  if (rc == 0) rc = pool_open(r->words, directory, &pool);
  if (rc < 0) return rc;
  rc = make_base(r->words, &pool, (uint64_t)r->args[THIN_POOL_BASE].number, mkfs->list, (unsigned)mkfs->number);
  if (rc == 0) {
    r->fd = pool.fd;
    pool.fd = -1;
  }
  pool_close(&pool);
  return rc;
}

int request_thin_volume(struct request *r) {
  const char *place = r->args[THIN_VOLUME_PLACE].text;
  struct volume origin, there;
  struct pool pool;
  if (volume_read(place, &there) != -ENOENT) return -EEXIST;
  int rc = volume_read(r->args[THIN_VOLUME_OF].text, &origin);
  if (rc == 0) rc = pool_open(r->words, origin.directory, &pool);
  if (rc < 0) return rc;
  rc = volume_make(r->words, &pool, place, &origin, 0);
  pool_close(&pool);
  return rc;
}

int request_thin_mount(struct request *r) {
  const char *target = r->args[THIN_MOUNT_TARGET].text;
  struct volume volume;
  struct pool pool;
  int rc = volume_read(r->args[THIN_MOUNT_PLACE].text, &volume);
  if (rc == 0) rc = pool_open(r->words, volume.directory, &pool);
  if (rc < 0) return rc;
  int mount = volume_mount(r->words, &pool, &volume, r->args[THIN_MOUNT_READONLY].number != 0);
  pool_close(&pool);
  if (mount < 0) return mount;
  if (!*target) { /* whoever has the descriptor keeps the volume from being unmounted */
    r->fd = mount;
    return 0;
  }
  int fd = open_inside(AT_ROOT_NONE, target, O_PATH | O_DIRECTORY);
  rc = fd < 0 ? fd : mount_attach(mount, fd);
  close_fd(fd);
  close_fd(mount);
  return rc;
}

static int delete_in(char *words, const char *place) {
  struct volume volume;
  struct pool pool;
  int rc = volume_read(place, &volume);
  if (rc < 0) return rc == -ENOENT ? 0 : rc;
  rc = pool_open(words, volume.directory, &pool);
  if (rc == -ENOENT) return 0; /* the pool has gone, and the volume with it */
  if (rc < 0) return rc;
  rc = volume_delete(words, &pool, place);
  pool_close(&pool);
  return rc;
}

static int remove_root(char *words, const char *path) {
  char tree[PATH_MAX];
  snprintf(tree, sizeof tree, "%s/tree", path);
  int rc = delete_in(words, path);
  if (rc == 0) (void)btrfs_delete(tree); /* what is not a subvolume is a directory */
  return rc < 0 ? rc : remove_tree(words, path);
}

int request_remove_root(struct request *r) { return remove_root(r->words, r->args[REMOVE_ROOT_PATH].text); }

/* A pool that somebody made who was killed before it could be marked to go: it goes once it was used. */
static int let_go(char *words, const char *directory) {
  struct pool pool;
  int rc = pool_active(directory) ? pool_open(words, directory, &pool) : -ENXIO;
  if (rc == 0) pool_close(&pool);
  return rc == -ENXIO ? 0 : rc;
}

int request_collect(struct request *r) {
  const char *directory = r->args[COLLECT_DIRECTORY].text;
  DIR *all = opendir(directory);
  struct dirent *entry;
  int rc = all ? let_go(r->words, directory) : 0;
  if (!all) return errno == ENOENT ? 0 : -errno;
  while (rc == 0 && (entry = readdir(all))) {
    char path[PATH_MAX];
    size_t n = strlen(entry->d_name);
    if (n < 4 || strcmp(entry->d_name + n - 4, ".new") != 0) continue;
    snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    rc = remove_root(r->words, path);
  }
  closedir(all);
  return rc;
}
