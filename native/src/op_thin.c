/* Thin pools and their volumes: what plans can ask of them. */
#include "core.h"
#include "layer.h"
#include "mounting.h"
#include "thin.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* A file of holes, there in its full size or not there. */
static int make_file(struct run *run, const char *directory, const char *name, uint64_t bytes) {
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
  if (rc < 0) detail(run, "%s, %llu bytes long", path, (unsigned long long)bytes);
  return (int)rc;
}

/* mkfs of a device, whose path goes behind its arguments. What it says is shown if it fails. */
static int format(struct run *run, char **argv, unsigned count, const char *path) {
  int out[2], status = 0;
  char words[400];
  size_t kept = 0;
  if (pipe2(out, O_CLOEXEC) != 0) return -errno;
  pid_t parent = getpid(), child = fork();
  if (child == 0) {
    char **all = calloc(count + 2, sizeof *all);
    char *none[] = {NULL};
    guard_forget();
    signals_to_default();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || !all) _exit(1);
    memcpy(all, argv, count * sizeof *all);
    all[count] = (char *)(uintptr_t)path;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (dup2(null, 0) == 0 && dup2(out[1], 1) == 1 && dup2(out[1], 2) == 2) {
      close_from(3);
      execve(all[0], all, none);
    }
    dprintf(2, "%s", strerror(errno));
    _exit(127);
  }
  close_fd(out[1]);
  for (long n; child > 0 && (n = AGAIN(read(out[0], words + kept, sizeof words - 1 - kept))) > 0;) kept += (size_t)n;
  close_fd(out[0]);
  if (child < 0) return -errno;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  words[kept] = 0;
  for (char *at = words; *at; at++)
    if ((unsigned char)*at < ' ') *at = ' ';
  detail(run, "%s failed: %s", argv[0], words);
  return -E_DETAIL;
}

/* A fresh file system has a directory of its own, which belongs to no image. */
static int empty(struct run *run, const struct pool *pool, const struct volume *volume) {
  int mount = volume_mount(run, pool, volume, false);
  if (mount < 0) return mount;
  long rc = AGAIN(unlinkat(mount, "lost+found", AT_REMOVEDIR));
  close_fd(mount);
  return rc == -ENOENT ? 0 : (int)rc;
}

/* The volume that the lowest layers are snapshots of. */
static int make_base(struct run *run, struct pool *pool, uint64_t bytes, char **mkfs, unsigned count) {
  char base[PATH_MAX], half[PATH_MAX], path[64];
  struct volume volume;
  snprintf(base, sizeof base, "%s/base", pool->directory);
  snprintf(half, sizeof half, "%s/base.new", pool->directory);
  if (access(base, F_OK) == 0) return 0;
  int rc = volume_delete(run, pool, half); /* somebody died over it */
  if (rc == 0) rc = remove_tree(run, half);
  if (rc == 0) rc = (int)AGAIN(mkdir(half, 0700));
  if (rc == 0) rc = volume_make(run, pool, half, NULL, bytes / 512);
  if (rc == 0) rc = volume_read(half, &volume);
  if (rc < 0) return rc;
  int device = volume_open(run, pool, &volume, path, sizeof path);
  rc = device < 0 ? device : format(run, mkfs, count, path);
  close_fd(device);
  if (rc == 0) rc = empty(run, pool, &volume);
  return rc < 0 ? rc : (int)AGAIN(rename(half, base));
}

int op_thin_pool(struct run *run, const struct step *step) {
  const char *directory = arg_text(run, step, 0);
  unsigned count;
  char **mkfs = arg_list(run, step, 4, &count);
  const char *last = strrchr(directory, '/');
  struct pool pool;
  if (count == 0) return -EINVAL;
  int rc = 0;
  if (last && strcmp(last, "/loop") == 0) {
    rc = make_file(run, directory, "data", (uint64_t)arg_int(run, step, 1));
    if (rc == 0) rc = make_file(run, directory, "metadata", (uint64_t)arg_int(run, step, 2));
  }
  if (rc == 0) rc = pool_open(run, directory, &pool);
  if (rc < 0) return rc;
  rc = make_base(run, &pool, (uint64_t)arg_int(run, step, 3), mkfs, count);
  if (rc == 0) {
    out_int(run, step, 5, pool.fd);
    pool.fd = -1;
  }
  pool_close(&pool);
  return rc;
}

int op_thin_volume(struct run *run, const struct step *step) {
  const char *place = arg_text(run, step, 0), *of = arg_text(run, step, 1);
  struct volume origin, there;
  struct pool pool;
  if (volume_read(place, &there) != -ENOENT) return -EEXIST;
  int rc = volume_read(of, &origin);
  if (rc == 0) rc = pool_open(run, origin.directory, &pool);
  if (rc < 0) return rc;
  rc = volume_make(run, &pool, place, &origin, 0);
  pool_close(&pool);
  return rc;
}

int op_thin_mount(struct run *run, const struct step *step) {
  const char *target = arg_text(run, step, 2);
  struct volume volume;
  struct pool pool;
  int rc = volume_read(arg_text(run, step, 0), &volume);
  if (rc == 0) rc = pool_open(run, volume.directory, &pool);
  if (rc < 0) return rc;
  int mount = volume_mount(run, &pool, &volume, arg_int(run, step, 1) != 0);
  pool_close(&pool);
  if (mount < 0) return mount;
  if (*target) {
    int fd = open_inside(AT_ROOT_NONE, target, O_PATH | O_DIRECTORY);
    rc = fd < 0 ? fd : mount_attach(mount, fd);
    close_fd(fd);
  }
  if (rc < 0 || *target) { /* whoever has the descriptor keeps the volume from being unmounted */
    close_fd(mount);
    mount = -1;
  }
  if (rc == 0) out_int(run, step, 3, mount);
  return rc;
}

static int delete_in(struct run *run, const char *place) {
  struct volume volume;
  struct pool pool;
  int rc = volume_read(place, &volume);
  if (rc < 0) return rc == -ENOENT ? 0 : rc;
  rc = pool_open(run, volume.directory, &pool);
  if (rc == -ENOENT) return 0; /* the pool has gone, and the volume with it */
  if (rc < 0) return rc;
  rc = volume_delete(run, &pool, place);
  pool_close(&pool);
  return rc;
}

static int remove_root(struct run *run, const char *path) {
  char tree[PATH_MAX];
  snprintf(tree, sizeof tree, "%s/tree", path);
  int rc = delete_in(run, path);
  if (rc == 0) (void)btrfs_delete(tree); /* what is no subvolume is a directory */
  return rc < 0 ? rc : remove_tree(run, path);
}

int op_remove_root(struct run *run, const struct step *step) { return remove_root(run, arg_text(run, step, 0)); }

/* A pool that somebody made who was killed before it could be marked to go: it goes once it was used. */
static int let_go(struct run *run, const char *directory) {
  struct pool pool;
  int rc = pool_active(directory) ? pool_open(run, directory, &pool) : -ENXIO;
  if (rc == 0) pool_close(&pool);
  return rc == -ENXIO ? 0 : rc;
}

int op_thin_collect(struct run *run, const struct step *step) {
  const char *directory = arg_text(run, step, 0);
  DIR *all = opendir(directory);
  struct dirent *entry;
  int rc = all ? let_go(run, directory) : 0;
  if (!all) return errno == ENOENT ? 0 : -errno;
  while (rc == 0 && (entry = readdir(all))) {
    char path[PATH_MAX];
    size_t n = strlen(entry->d_name);
    if (n < 4 || strcmp(entry->d_name + n - 4, ".new") != 0) continue;
    snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    rc = remove_root(run, path);
  }
  closedir(all);
  return rc;
}
