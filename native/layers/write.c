/*
 * A layer's archive: ustar with pax records for what ustar cannot say, names in order, and
 * nothing of the machine that wrote it: the same change gives the same bytes.
 */
#include "write.h"

#include "attributes.h"
#include "io.h"
#include "kernel.h"
#include "layer.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

enum { RECORD = 512 };

static int put(struct writer *w, const void *data, size_t n) {
  const char *from = data;
  while (n > 0) {
    size_t part = sizeof w->buffer - w->held < n ? sizeof w->buffer - w->held : n;
    memcpy(w->buffer + w->held, from, part);
    w->held += part;
    from += part;
    n -= part;
    if (w->held < sizeof w->buffer) continue;
    int rc = (int)write_all(w->fd, w->buffer, w->held);
    if (rc < 0) return rc;
    w->held = 0;
  }
  return 0;
}

static int pad(struct writer *w, uint64_t size) {
  static const char zeros[RECORD];
  return size % RECORD ? put(w, zeros, RECORD - size % RECORD) : 0;
}

int writer_end(struct writer *w) {
  static const char zeros[2 * RECORD];
  int rc = w->text ? 0 : put(w, zeros, sizeof zeros);
  return rc < 0 ? rc : (int)write_all(w->fd, w->buffer, w->held);
}

static void octal(char *field, unsigned n, uint64_t value) {
  for (unsigned i = n - 1; i-- > 0; value >>= 3) field[i] = (char)('0' + (value & 7));
}

static int header(struct writer *w, const char *name, char type, const struct stat *st, uint64_t size, const char *link) {
  char head[RECORD] = {0};
  memcpy(head, name, strnlen(name, 100));
  octal(head + 100, 8, st->st_mode & 07777);
  octal(head + 108, 8, st->st_uid <= 07777777 ? st->st_uid : 0);
  octal(head + 116, 8, st->st_gid <= 07777777 ? st->st_gid : 0);
  octal(head + 124, 12, size <= 077777777777 ? size : 0);
  octal(head + 136, 12, st->st_mtim.tv_sec >= 0 ? (uint64_t)st->st_mtim.tv_sec : 0);
  head[156] = type;
  memcpy(head + 157, link, strnlen(link, 100));
  memcpy(head + 257, "ustar\00000", 8);
  octal(head + 329, 8, type == '3' || type == '4' ? major(st->st_rdev) : 0);
  octal(head + 337, 8, type == '3' || type == '4' ? minor(st->st_rdev) : 0);
  memset(head + 148, ' ', 8);
  unsigned sum = 0;
  for (unsigned i = 0; i < RECORD; i++) sum += (unsigned char)head[i];
  snprintf(head + 148, 8, "%06o", sum);
  return put(w, head, RECORD);
}

struct records {
  char *text;
  size_t length;
};

static void record(struct records *r, const char *key, const void *value, size_t n) {
  size_t body = strlen(key) + n + 3, length = body;
  char digits[24];
  while ((size_t)snprintf(digits, sizeof digits, "%zu", length) + body != length) length = strlen(digits) + body;
  r->text = realloc(r->text, r->length + length + 1);
  if (!r->text) abort();
  char *at = r->text + r->length;
  at += sprintf(at, "%s %s=", digits, key);
  memcpy(at, value, n);
  at[n] = '\n';
  r->length += length;
}

static void record_text(struct records *r, const char *key, const char *text) { record(r, key, text, strlen(text)); }

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

bool xattr_counts(const char *name) {
  return !own_mark(name) && strcmp(name, "security.selinux") != 0;
}

/* Attributes in the order of their names. */
static int xattrs(struct records *r, const char *path) {
  static char names[65536], value[65536];
  ssize_t n = llistxattr(path, names, sizeof names);
  if (n < 0) return errno == EOPNOTSUPP ? 0 : -errno;
  char *sorted[1024];
  size_t count = 0;
  for (char *name = names; name < names + n && count < 1024; name += strlen(name) + 1)
    if (xattr_counts(name)) sorted[count++] = name;
  qsort(sorted, count, sizeof *sorted, by_name);
  for (size_t i = 0; i < count; i++) {
    char key[300];
    ssize_t length = lgetxattr(path, sorted[i], value, sizeof value);
    if (length < 0) return -errno;
    snprintf(key, sizeof key, "SCHILY.xattr.%s", sorted[i]);
    record(r, key, value, (size_t)length);
  }
  return 0;
}

static int extended(struct writer *w, const char *path, const char *name, const struct stat *st, uint64_t size,
                    const char *link, bool with_xattrs) {
  struct records r = {0};
  char text[64];
  if (strlen(name) > 100) record_text(&r, "path", name);
  if (strlen(link) > 100) record_text(&r, "linkpath", link);
  if (size > 077777777777) snprintf(text, sizeof text, "%llu", (unsigned long long)size), record_text(&r, "size", text);
  if (st->st_uid > 07777777) snprintf(text, sizeof text, "%u", st->st_uid), record_text(&r, "uid", text);
  if (st->st_gid > 07777777) snprintf(text, sizeof text, "%u", st->st_gid), record_text(&r, "gid", text);
  if (st->st_mtim.tv_nsec || st->st_mtim.tv_sec < 0) {
    int64_t s = st->st_mtim.tv_sec;
    long ns = st->st_mtim.tv_nsec;
    if (s < 0 && ns > 0) s++, ns = 1000000000 - ns;
    snprintf(text, sizeof text, "%s%lld.%09ld", st->st_mtim.tv_sec < 0 && s == 0 ? "-" : "", (long long)s, ns);
    record_text(&r, "mtime", text);
  }
  int rc = with_xattrs ? xattrs(&r, path) : 0;
  if (rc == 0 && r.length > 0) {
    struct stat plain = {.st_mode = 0644};
    rc = header(w, "PaxHeaders/x", 'x', &plain, r.length, "");
    if (rc == 0) rc = put(w, r.text, r.length);
    if (rc == 0) rc = pad(w, r.length);
  }
  free(r.text);
  return rc;
}

/* With its holes as zeros: layer.md, "Sparse Files", says that layers should have none, for readers differ. */
static int contents(struct writer *w, int dir, const char *last, uint64_t size) {
  int fd = (int)AGAIN(openat(dir, last, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (fd < 0) return fd;
  static char data[1 << 16];
  int rc = 0;
  for (uint64_t left = size; rc == 0 && left > 0;) {
    long n = AGAIN(read(fd, data, left < sizeof data ? (size_t)left : sizeof data));
    if (n <= 0) rc = n < 0 ? (int)n : -EAGAIN; /* it became shorter meanwhile */
    else rc = put(w, data, (size_t)n), left -= (uint64_t)n;
  }
  close_fd(fd);
  return rc == 0 ? pad(w, size) : rc;
}

int writer_whiteout(struct writer *w, const char *path) {
  char name[PATH_MAX + 8];
  const char *slash = strrchr(path, '/');
  struct stat st = {.st_mode = 0};
  snprintf(name, sizeof name, "%.*s.wh.%s", slash ? (int)(slash - path) + 1 : 0, path, slash ? slash + 1 : path);
  int rc = extended(w, "", name, &st, 0, "", false);
  return rc < 0 ? rc : header(w, name, '0', &st, 0, "");
}

static size_t slot_of(const struct writer *w, dev_t dev, ino_t ino) {
  size_t at = (size_t)((uint64_t)ino * 0x9e3779b97f4a7c15u ^ (uint64_t)dev) & (w->room - 1);
  while (w->linked[at].path && (w->linked[at].ino != ino || w->linked[at].dev != dev)) at = (at + 1) & (w->room - 1);
  return at;
}

/* A file's first name in the archive; NULL for one that had none, whose first name this is. */
static const char *first_name(struct writer *w, const struct stat *st, const char *path) {
  if (w->nlinked * 2 >= w->room) {
    struct written *old = w->linked;
    size_t room = w->room;
    w->room = room ? room * 2 : 256;
    w->linked = calloc(w->room, sizeof *w->linked);
    if (!w->linked) abort();
    for (size_t i = 0; i < room; i++)
      if (old[i].path) w->linked[slot_of(w, old[i].dev, old[i].ino)] = old[i];
    free(old);
  }
  struct written *one = w->linked + slot_of(w, st->st_dev, st->st_ino);
  if (one->path) return one->path;
  *one = (struct written){st->st_dev, st->st_ino, strdup(path)};
  w->nlinked++;
  return NULL;
}

int writer_entry(struct writer *w, int dir, const char *last, const char *path, const struct stat *st) {
  char name[PATH_MAX + 4], link[PATH_MAX] = "", at[64 + NAME_MAX];
  char type = S_ISREG(st->st_mode)    ? '0'
              : S_ISLNK(st->st_mode)  ? '2'
              : S_ISCHR(st->st_mode)  ? '3'
              : S_ISBLK(st->st_mode)  ? '4'
              : S_ISDIR(st->st_mode)  ? '5'
              : S_ISFIFO(st->st_mode) ? '6'
                                      : 0;
  if (type == 0) return 0; /* a socket is nothing without the process behind it */
  /* image-spec layer.md, "Whiteouts": such names are no files of a layer. */
  if (is_whiteout(last)) return -ENOTSUP;
  snprintf(name, sizeof name, "%s%s", *path ? path : ".", type == '5' ? "/" : "");
  snprintf(at, sizeof at, "/proc/self/fd/%d/%s", dir, last);
  const char *same = type != '5' && st->st_nlink > 1 ? first_name(w, st, path) : NULL;
  if (same) {
    type = '1';
    snprintf(link, sizeof link, "%s", same);
  } else if (type == '2') {
    long n = AGAIN(readlinkat(dir, last, link, sizeof link - 1));
    if (n < 0) return (int)n;
    link[n] = 0;
  }
  uint64_t size = type == '0' ? (uint64_t)st->st_size : 0;
  int rc = extended(w, at, name, st, size, link, !same);
  if (rc == 0) rc = header(w, name, type, st, size, link);
  return rc == 0 && type == '0' ? contents(w, dir, last, size) : rc;
}
