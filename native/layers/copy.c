/* A tree copied with everything that a layer can hold: for storage without unions or snapshots. */
#include "attributes.h"
#include "copy.h"
#include "io.h"
#include "kernel.h"
#include "request.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

/* linux/fs.h, which cannot stand beside sys/mount.h (kernel.h) */
#ifndef FICLONE
#define FICLONE _IOW(0x94, 9, int)
#endif

struct copying {
  struct linked { /* files of several names, by what they are */
    dev_t dev;
    ino_t ino;
    char *path;
  } *linked;
  size_t nlinked;
  int top; /* of the copy */
  char *culprit;
  size_t room;
  bool reflinks; /* not yet refused */
  bool branch;   /* overlay's marks become aufs's */
};

/* A mark of aufs: an empty file of this name (aufs(5), "WHITEOUT"). */
static int mark(int dir, const char *name) {
  int fd = (int)AGAIN(openat(dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0444));
  close_fd(fd);
  return fd < 0 ? fd : 0;
}

/* Whether overlay hides what lies below a directory (overlayfs.rst, "whiteouts and opaque directories"). */
static bool is_opaque(int dir) {
  char value;
  return fgetxattr(dir, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/* A file's data: a reflink, else its parts that are no holes (lseek(2) SEEK_DATA). */
static int copy_data(struct copying *c, int from, int to, off_t size) {
  if (c->reflinks) {
    if (ioctl(to, FICLONE, from) == 0) return 0;
    c->reflinks = false;
  }
  if (AGAIN(ftruncate(to, size)) < 0) return -errno;
  for (off_t at = 0; at < size;) {
    off_t data = lseek(from, at, SEEK_DATA);
    if (data < 0) return errno == ENXIO ? 0 : -errno;
    off_t hole = lseek(from, data, SEEK_HOLE);
    if (hole < 0) return -errno;
    for (off_t in = data, out = data; in < hole;) {
      long n = AGAIN(syscall(SYS_copy_file_range, from, &in, to, &out, (size_t)(hole - in), 0));
      if (n == 0) break;
      if (n > 0) continue;
      if (n != -EXDEV && n != -EINVAL && n != -EOPNOTSUPP && n != -ENOSYS) return (int)n;
      static char buffer[1 << 16];
      n = AGAIN(pread(from, buffer, hole - in < (off_t)sizeof buffer ? (size_t)(hole - in) : sizeof buffer, in));
      if (n <= 0) return n < 0 ? (int)n : 0;
      for (long done = 0; done < n;) {
        long wrote = AGAIN(pwrite(to, buffer + done, (size_t)(n - done), out + done));
        if (wrote <= 0) return wrote < 0 ? (int)wrote : -EIO;
        done += wrote;
      }
      in += n;
      out += n;
    }
    at = hole;
  }
  return 0;
}

static int copy_into(struct copying *c, int from, int to, const char *path);

static int copy_one(struct copying *c, int from, int to, const char *name, const char *path, const struct stat *st) {
  long rc = 0;
  if (c->branch && S_ISCHR(st->st_mode) && st->st_rdev == 0) {
    char hidden[NAME_MAX + 8];
    snprintf(hidden, sizeof hidden, ".wh.%s", name);
    return mark(to, hidden);
  }
  if (!S_ISDIR(st->st_mode) && st->st_nlink > 1) {
    for (size_t i = 0; i < c->nlinked; i++)
      if (c->linked[i].ino == st->st_ino && c->linked[i].dev == st->st_dev)
        return (int)AGAIN(linkat(c->top, c->linked[i].path, to, name, 0));
  }
  if (S_ISDIR(st->st_mode)) {
    rc = AGAIN(mkdirat(to, name, 0700));
    int a = (int)AGAIN(openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    int b = (int)AGAIN(openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (rc == 0) rc = a < 0 ? a : b < 0 ? b : copy_into(c, a, b, path);
    close_fd(a);
    close_fd(b);
  } else if (S_ISREG(st->st_mode)) {
    int a = (int)AGAIN(openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    int b = a < 0 ? a : (int)AGAIN(openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    rc = b < 0 ? b : copy_data(c, a, b, st->st_size);
    close_fd(a);
    close_fd(b);
  } else if (S_ISLNK(st->st_mode)) {
    char target[PATH_MAX];
    rc = AGAIN(readlinkat(from, name, target, sizeof target - 1));
    if (rc >= 0) {
      target[rc] = 0;
      rc = AGAIN(symlinkat(target, to, name));
    }
  } else if (!S_ISSOCK(st->st_mode)) {
    rc = AGAIN(mknodat(to, name, st->st_mode, st->st_rdev));
  } else {
    return 0;
  }
  if (rc < 0) return (int)rc;
  if (!S_ISDIR(st->st_mode) && st->st_nlink > 1) {
    struct linked *more = realloc(c->linked, (c->nlinked + 1) * sizeof *c->linked);
    if (!more) return -ENOMEM;
    c->linked = more;
    c->linked[c->nlinked++] = (struct linked){st->st_dev, st->st_ino, strdup(path)};
  }
  return copy_attributes_at(from, name, to, name, st);
}

static int copy_into(struct copying *c, int from, int to, const char *path) {
  long again = AGAIN(openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR *entries = again < 0 ? NULL : fdopendir((int)again);
  if (!entries) return again < 0 ? (int)again : -ENOMEM;
  int rc = c->branch && is_opaque(from) ? mark(to, ".wh..wh..opq") : 0;
  struct dirent *entry;
  while (rc == 0 && (entry = readdir(entries))) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (guard_caught()) rc = -EINTR;
    if (rc < 0) break;
    struct stat st;
    char *below = malloc(strlen(path) + strlen(entry->d_name) + 2);
    if (!below) {
      rc = -ENOMEM;
      break;
    }
    sprintf(below, "%s%s%s", path, *path ? "/" : "", entry->d_name);
    rc = fstatat(from, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
             ? copy_one(c, from, to, entry->d_name, below, &st)
             : -errno;
    if (rc < 0 && c->room > 0 && !*c->culprit) snprintf(c->culprit, c->room, "/%s", below);
    free(below);
  }
  closedir(entries);
  return rc;
}

static int copy_all(int from, int to, char *culprit, size_t room, bool branch) {
  struct copying c = {.top = to, .culprit = culprit, .room = room, .reflinks = true, .branch = branch};
  if (room > 0) *culprit = 0;
  int rc = copy_into(&c, from, to, "");
  for (size_t i = 0; i < c.nlinked; i++) free(c.linked[i].path);
  free(c.linked);
  return rc < 0 ? rc : copy_attributes(from, to);
}

int copy_tree(int from, int to, char *culprit, size_t room) { return copy_all(from, to, culprit, room, false); }

static int copy_request(struct request *r, const char *from_path, const char *to_path, bool branch) {
  char culprit[PATH_MAX] = "";
  int from = (int)AGAIN(open(from_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int to = (int)AGAIN(open(to_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int rc = from < 0 ? from : to < 0 ? to : copy_all(from, to, culprit, sizeof culprit, branch);
  /* It is renamed into place next, and is then found as a layer that is whole. */
  if (rc == 0 && branch) rc = (int)AGAIN(syncfs(to));
  if (rc < 0 && *culprit) words_say(r->words, "%s", culprit);
  return rc;
}

int request_copy(struct request *r) {
  return copy_request(r, r->args[COPY_FROM].text, r->args[COPY_TO].text, false);
}

int request_branch(struct request *r) {
  return copy_request(r, r->args[BRANCH_FROM].text, r->args[BRANCH_TO].text, true);
}
