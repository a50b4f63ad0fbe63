/*
 * An entry of a layer's archive into a directory (image-spec layer.md, "Applying Changesets").
 *
 * Nothing is reached by a path but the directory that holds an entry, and that by openat2(2)
 * RESOLVE_IN_ROOT: a link that an archive brings along leads nowhere but into the root. The
 * entry itself is made by its name in that directory, with O_EXCL or the like, after what stood
 * there was removed: no link is followed, and no file written into that had another name.
 */
#include "layer.h"
#include "path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

/* `/a//./b/` as `a/b`, in place. -1 where a component is `..`, which no honest archive has. */
static int normal(char *path) {
  char *to = path;
  for (const char *from = path; *from;) {
    size_t n = strcspn(from, "/");
    if (n == 2 && from[0] == '.' && from[1] == '.') return -1;
    if (n > 0 && !(n == 1 && from[0] == '.')) {
      if (to != path) *to++ = '/';
      memmove(to, from, n);
      to += n;
    }
    from += n;
    while (*from == '/') from++;
  }
  *to = 0;
  return 0;
}

/* Every directory above `path` has something of this layer in it. */
static void touch_above(struct layer *layer, const char *path) {
  char above[PATH_MAX];
  snprintf(above, sizeof above, "%s", path);
  for (char *slash; (slash = strrchr(above, '/'));) {
    *slash = 0;
    if (names_has(&layer->made, above)) return;
    names_add(&layer->made, above);
  }
}

/*
 * Take away what stands where a layer has a directory: a file of a layer below that a component of `path` names. What
 * this layer has made itself stays, and so does a link, which may lead to a directory of another layer. 0 or -errno.
 */
static int make_way(struct layer *layer, const char *path) {
  char part[PATH_MAX];
  for (const char *slash = path;; slash++) {
    slash += strcspn(slash, "/");
    snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
    char *name = strrchr(part, '/');
    bool own = names_has(&layer->made, part);
    if (name) *name++ = 0;
    int above = layer_open(layer, name ? part : "");
    if (above < 0) return above;
    struct stat st;
    long rc = fstatat(above, name ? name : part, &st, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
    bool way = rc == 0 && !own && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode);
    if (way) rc = layer_remove(above, name ? name : part);
    close_fd(above);
    if (rc < 0 || way || !*slash) return way || rc < 0 ? (int)rc : -ENOTDIR;
  }
}

/* The directory that holds `path`, kept open for the next entry; *last is its name there. */
static int parent_of(struct layer *layer, const char *path, const char **last) {
  const char *slash = strrchr(path, '/');
  size_t n = slash ? (size_t)(slash - path) : 0;
  *last = slash ? slash + 1 : path;
  if (layer->parent >= 0 && layer->parent_path && strlen(layer->parent_path) == n &&
      memcmp(layer->parent_path, path, n) == 0)
    return layer->parent;
  close_fd(layer->parent);
  free(layer->parent_path);
  layer->parent_path = strndup(path, n);
  layer->parent = layer_open(layer, layer->parent_path);
  if (layer->parent == -ENOTDIR && layer->mode == LAYER_PLAIN && make_way(layer, layer->parent_path) == 0)
    layer->parent = -ENOENT;
  if (layer->parent == -ENOENT || (layer->parent == -ENOTDIR && layer->mode == LAYER_MARKED && layer->has_lower)) {
    if (layer->mode == LAYER_MARKED && layer->has_lower) {
      layer->needs_lower = true;
      layer->parent = -1;
      return -2;
    }
    layer->implied = true;
    int made = open_target(layer->root, layer->parent_path, MAKE_DIRECTORY, 0755);
    layer->parent = made < 0 ? made : layer_open(layer, layer->parent_path);
    close_fd(made);
  }
  if (layer->parent < 0) {
    layer_failed(layer, "the directory of an entry cannot be entered:", layer->parent_path, layer->parent);
    layer->parent = -1;
    return -1;
  }
  if (layer->mode == LAYER_PLAIN) layer_keep_times(layer, layer->parent_path, layer->parent);
  struct stat st;
  layer->inherits = fstat(layer->parent, &st) != 0 || st.st_mode & S_ISGID ||
                    fgetxattr(layer->parent, "system.posix_acl_default", NULL, 0) > 0;
  return layer->parent;
}

static void forget_parent(struct layer *layer) {
  close_fd(layer->parent);
  layer->parent = -1;
}

static int write_out(struct layer *layer, int fd, const char *path, const unsigned char *from, size_t n, uint64_t at) {
  while (n > 0) {
    long rc = AGAIN(pwrite(fd, from, n, (off_t)at));
    if (rc <= 0) return layer_failed(layer, "write", path, rc < 0 ? rc : -EIO);
    from += rc;
    at += (uint64_t)rc;
    n -= (size_t)rc;
  }
  return 0;
}

static int file_data(struct layer *layer, struct tar *tar, struct entry *entry, int fd) {
  uint64_t at = 0, in_extent = 0;
  unsigned extent = 0;
  if (entry->sparse && AGAIN(ftruncate(fd, (off_t)entry->size)) < 0)
    return layer_failed(layer, "make a sparse file of", entry->name, -errno);
  for (;;) {
    const unsigned char *from;
    long n = tar_data(tar, entry, &from);
    if (n < 0) return layer_fail(layer, "%s", tar->error);
    if (n == 0) return 0;
    layer->bytes += (uint64_t)n;
    for (size_t left = (size_t)n; left > 0;) {
      size_t part = left;
      if (entry->sparse) {
        while (in_extent == entry->extents[extent].length) extent++, in_extent = 0;
        const struct extent *e = entry->extents + extent;
        if (part > e->length - in_extent) part = e->length - in_extent;
        at = e->offset + in_extent;
        in_extent += part;
      }
      if (write_out(layer, fd, entry->name, from, part, at) != 0) return -1;
      at += part;
      from += part;
      left -= part;
    }
  }
}

static bool is_mark(int dir, const char *name) {
  struct stat st;
  return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

static int directory(struct layer *layer, struct entry *entry, int dir, const char *last, const char *path) {
  bool mark = false;
  long rc = AGAIN(mkdirat(dir, last, 0700));
  if (rc == -EEXIST) {
    struct stat st;
    if (fstatat(dir, last, &st, AT_SYMLINK_NOFOLLOW) != 0) return layer_failed(layer, "look at", path, -errno);
    if (S_ISDIR(st.st_mode)) {
      rc = 0;
    } else {
      mark = layer->mode == LAYER_MARKED && is_mark(dir, last);
      rc = layer_remove(dir, last);
      if (rc == 0) rc = AGAIN(mkdirat(dir, last, 0700));
    }
  }
  if (rc < 0) return layer_failed(layer, "make the directory", path, rc);
  int fd = (int)AGAIN(openat(dir, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd < 0) return layer_failed(layer, "enter the directory", path, fd);
  int result = mark ? layer_opaque(layer, fd, path) : 0;
  if (result == 0) result = layer_metadata(layer, entry, dir, last, path, fd, NO_MODE);
  close_fd(fd);
  /* What it hands down may be another thing now. */
  if (layer->parent_path && strcmp(layer->parent_path, path) == 0) forget_parent(layer);
  return result;
}

/* Make by `make`, after what stands there was removed. */
#define MAKE(call)                                   \
  __extension__({                                    \
    long made_ = AGAIN(call);                        \
    if (made_ == -EEXIST) {                          \
      made_ = layer_remove(dir, last);               \
      forget_parent_if_below(layer, path);           \
      if (made_ == 0) made_ = AGAIN(call);           \
    }                                                \
    made_;                                           \
  })

static void forget_parent_if_below(struct layer *layer, const char *path) {
  size_t n = strlen(path);
  if (layer->parent_path && strncmp(layer->parent_path, path, n) == 0 &&
      (layer->parent_path[n] == '/' || layer->parent_path[n] == 0))
    forget_parent(layer);
}

static int regular(struct layer *layer, struct tar *tar, struct entry *entry, int dir, const char *last,
                   const char *path) {
  /* Its mode at once where nothing takes it away again: one change of the inode less. */
  mode_t mode = layer->inherits || entry->mode & 07000 ? 0600 : entry->mode;
  long fd = MAKE(openat(dir, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (fd < 0) return layer_failed(layer, "make the file", path, fd);
  int rc = file_data(layer, tar, entry, (int)fd);
  if (rc == 0) rc = layer_metadata(layer, entry, dir, last, path, (int)fd, mode);
  if (close((int)fd) != 0 && rc == 0) rc = layer_failed(layer, "write", path, -errno);
  return rc;
}

static int hard_link(struct layer *layer, struct entry *entry, int dir, const char *last, const char *path) {
  if (normal(entry->link) != 0 || !*entry->link)
    return layer_fail(layer, "/%s is a link to %s, outside of the root", path, entry->link);
  const char *slash = strrchr(entry->link, '/');
  char *above = strndup(entry->link, slash ? (size_t)(slash - entry->link) : 0);
  const char *name = slash ? slash + 1 : entry->link;
  int from = layer_open(layer, above);
  free(above);
  struct stat st;
  long rc = from;
  if (from >= 0) rc = fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
  if (rc == 0 && layer->mode == LAYER_MARKED && S_ISCHR(st.st_mode) && st.st_rdev == 0) rc = -ENOENT; /* it is hidden */
  bool itself = false;
  if (rc == 0) {
    struct stat there;
    itself = fstatat(dir, last, &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_ino == st.st_ino && there.st_dev == st.st_dev;
    if (!itself) rc = MAKE(linkat(from, name, dir, last, 0));
  }
  close_fd(from);
  if (rc == -ENOENT && layer->mode == LAYER_MARKED && layer->has_lower) {
    layer->needs_lower = true;
    return -2;
  }
  if (rc == 0) return 0;
  return layer_fail(layer, "link /%s to /%s: %s", path, entry->link, strerror((int)-rc));
}

static int node(struct layer *layer, struct entry *entry, int dir, const char *last, const char *path) {
  static const mode_t types[] = {['3'] = S_IFCHR, ['4'] = S_IFBLK, ['6'] = S_IFIFO};
  mode_t type = types[(unsigned char)entry->type];
  /* A device needs root; where we are not, what stands for it is an empty file, as with rootless engines. */
  if (layer->squash && type != S_IFIFO) type = S_IFREG;
  bool device = type == S_IFCHR || type == S_IFBLK;
  /* linux/kdev_t.h: 12 and 20 bits */
  if (device && (entry->major < 0 || entry->major > 0xfff || entry->minor < 0 || entry->minor > 0xfffff))
    return layer_fail(layer, "/%s is a device of a number that there cannot be: %lld:%lld", path,
                      (long long)entry->major, (long long)entry->minor);
  dev_t dev = device ? makedev((unsigned)entry->major, (unsigned)entry->minor) : 0;
  if (layer->mode == LAYER_MARKED && type == S_IFCHR && dev == 0)
    return layer_fail(layer, "/%s is the device 0:0, by which overlay hides a name; choose --driver vfs", path);
  long rc = MAKE(mknodat(dir, last, type | 0600, dev));
  /* Root of a user namespace may make no devices either (user_namespaces(7)). */
  if (rc == -EPERM && device) rc = MAKE(mknodat(dir, last, S_IFREG | 0600, 0));
  if (rc < 0) return layer_failed(layer, "make the device or FIFO", path, rc);
  return layer_metadata(layer, entry, dir, last, path, -1, NO_MODE);
}

static int root_itself(struct layer *layer, struct entry *entry) {
  if (entry->type != '5') return layer_fail(layer, "the archive's root is not a directory");
  layer->has_root = true;
  names_add(&layer->made, "");
  forget_parent(layer);
  return layer_metadata(layer, entry, layer->root, ".", "", layer->root, NO_MODE);
}

static int apply(struct layer *layer, struct tar *tar, struct entry *entry) {
  const char *path = entry->name, *last;
  if (normal(entry->name) != 0) return layer_fail(layer, "the name %s leads out of the root", entry->name);
  if (!*path) return root_itself(layer, entry);
  if (strlen(path) >= PATH_MAX) return layer_fail(layer, "the name %.60s… is too long", path);
  int dir = parent_of(layer, path, &last);
  if (dir < 0) return dir;
  if (strlen(last) > NAME_MAX) return layer_fail(layer, "the name %.60s… is too long", last);
  if (is_whiteout(last)) return layer_whiteout(layer, path, last);
  int rc;
  switch (entry->type) {
    case '0':
      rc = regular(layer, tar, entry, dir, last, path);
      break;
    case '1':
      rc = hard_link(layer, entry, dir, last, path);
      break;
    case '2': {
      long made = MAKE(symlinkat(entry->link, dir, last));
      rc = made < 0 ? layer_failed(layer, "make the symbolic link", path, made)
                    : layer_metadata(layer, entry, dir, last, path, -1, NO_MODE);
      break;
    }
    case '3':
    case '4':
    case '6':
      rc = node(layer, entry, dir, last, path);
      break;
    case '5':
      rc = directory(layer, entry, dir, last, path);
      break;
    default:
      return layer_fail(layer, "/%s is of the type \"%c\", which a layer cannot hold", path, entry->type);
  }
  if (rc == 0) {
    names_add(&layer->made, path);
    touch_above(layer, path);
  }
  return rc;
}

int layer_apply(struct layer *layer, struct tar *tar) {
  struct entry entry;
  int rc;
  layer->parent = -1;
  layer->uid = geteuid();
  layer->gid = getegid();
  while ((rc = tar_next(tar, &entry)) > 0) {
    layer->entries++;
    rc = apply(layer, tar, &entry);
    const unsigned char *from;
    long n = 0;
    while (rc == 0 && (n = tar_data(tar, &entry, &from)) > 0) continue;
    if (n < 0) rc = -1, layer_fail(layer, "%s", tar->error);
    tar_free(&entry);
    if (rc != 0) break;
  }
  if (rc < 0 && !layer->error[0]) layer_fail(layer, "%s", tar->error);
  forget_parent(layer);
  names_free(&layer->made);
  free(layer->parent_path);
  layer->parent_path = NULL;
  int times = layer_do_later(layer);
  return rc != 0 ? rc : times;
}
