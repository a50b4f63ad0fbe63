/*
 * What was changed in a root: the tree as it is beside the tree of its layers, name by name. It
 * needs no knowledge of how a driver keeps changes, so it is the same for all of them.
 */
#include "io.h"
#include "overlay.h"
#include "request.h"
#include "write.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

struct listing {
  char **names;
  size_t n;
};

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int list(int dir, struct listing *l) {
  *l = (struct listing){0};
  if (dir < 0) return 0;
  long again = AGAIN(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR *entries = again < 0 ? NULL : fdopendir((int)again);
  if (!entries) return again < 0 ? (int)again : -ENOMEM;
  struct dirent *entry;
  while ((entry = readdir(entries))) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (l->n % 64 == 0) l->names = realloc(l->names, (l->n + 64) * sizeof *l->names);
    l->names[l->n++] = strdup(entry->d_name);
  }
  closedir(entries);
  if (l->n > 0) qsort(l->names, l->n, sizeof *l->names, by_name);
  return 0;
}

static void unlist(struct listing *l) {
  for (size_t i = 0; i < l->n; i++) free(l->names[i]);
  free(l->names);
}

/* All attributes of a file as one text, in a buffer of the caller's; its length. */
static size_t attributes(int dir, const char *last, char *to, size_t room) {
  static char names[65536];
  char at[64 + NAME_MAX];
  char *sorted[1024];
  size_t count = 0, used = 0;
  snprintf(at, sizeof at, "/proc/self/fd/%d/%s", dir, last);
  ssize_t n = llistxattr(at, names, sizeof names);
  for (char *name = names; n > 0 && name < names + n && count < 1024; name += strlen(name) + 1)
    if (xattr_counts(name)) sorted[count++] = name;
  qsort(sorted, count, sizeof *sorted, by_name);
  for (size_t i = 0; i < count && used < room; i++) {
    used += (size_t)snprintf(to + used, room - used, "%s=", sorted[i]);
    if (used >= room) break;
    ssize_t length = lgetxattr(at, sorted[i], to + used, room - used);
    if (length > 0) used += (size_t)length;
  }
  return used < room ? used : room;
}

static bool same_attributes(int a, const char *an, int b, const char *bn) {
  static char one[1 << 17], two[1 << 17];
  size_t n = attributes(a, an, one, sizeof one);
  return n == attributes(b, bn, two, sizeof two) && memcmp(one, two, n) == 0;
}

static bool same_content(int a, int b, const char *name) {
  static char one[1 << 16], two[1 << 16];
  int fa = (int)AGAIN(openat(a, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  int fb = (int)AGAIN(openat(b, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  bool same = fa >= 0 && fb >= 0;
  for (off_t at = 0; same;) {
    long n = AGAIN(pread(fa, one, sizeof one, at)), m = AGAIN(pread(fb, two, sizeof two, at));
    same = n >= 0 && n == m && memcmp(one, two, (size_t)n) == 0;
    if (n <= 0) break;
    at += n;
  }
  close_fd(fa);
  close_fd(fb);
  return same;
}

static bool same(int a, int b, const char *name, const struct stat *x, const struct stat *y) {
  if (x->st_mode != y->st_mode || x->st_uid != y->st_uid || x->st_gid != y->st_gid ||
      x->st_mtim.tv_sec != y->st_mtim.tv_sec || x->st_mtim.tv_nsec != y->st_mtim.tv_nsec)
    return false;
  if ((S_ISCHR(x->st_mode) || S_ISBLK(x->st_mode)) && x->st_rdev != y->st_rdev) return false;
  if (!S_ISDIR(x->st_mode) && x->st_size != y->st_size) return false;
  /* Another name was given to it, and the layer has to hold both to say that they are one file. */
  if (S_ISREG(x->st_mode) && y->st_nlink > x->st_nlink) return false;
  /* Nobody can set a ctime: where it is the same, nothing was done to the file. */
  if (x->st_ctim.tv_sec == y->st_ctim.tv_sec && x->st_ctim.tv_nsec == y->st_ctim.tv_nsec) return true;
  if (!same_attributes(a, name, b, name)) return false;
  if (S_ISREG(x->st_mode)) return same_content(a, b, name);
  if (!S_ISLNK(x->st_mode)) return true;
  char one[PATH_MAX], two[PATH_MAX];
  ssize_t n = readlinkat(a, name, one, sizeof one), m = readlinkat(b, name, two, sizeof two);
  return n == m && n >= 0 && memcmp(one, two, (size_t)n) == 0;
}

/* A directory on the way, whose entry is written when something below it is. */
struct above {
  struct above *up;
  int dir; /* that holds it */
  const char *last, *path;
  struct stat st;
  bool written;
};

static int line(struct writer *w, char what, const char *path) {
  char text[PATH_MAX + 8];
  int n = snprintf(text, sizeof text, "%c /%s\n", what, path);
  return (int)write_all(w->fd, text, (size_t)n);
}

static int write_above(struct writer *w, struct above *a) {
  if (!a || a->written) return 0;
  int rc = write_above(w, a->up);
  a->written = true;
  return rc < 0 || w->text ? rc : writer_entry(w, a->dir, a->last, a->path, &a->st);
}

static int report(struct writer *w, struct above *up, char what, int dir, const char *last, const char *path,
                  const struct stat *st) {
  int rc = write_above(w, up);
  if (rc == 0 && w->text) rc = line(w, what, path);
  else if (rc == 0) rc = what == 'D' ? writer_whiteout(w, path) : writer_entry(w, dir, last, path, st);
  if (rc < 0 && !*w->culprit) snprintf(w->culprit, sizeof w->culprit, "%s", path);
  return rc;
}

static int compare(struct writer *w, int old, int new, const char *path, struct above *up);

/* A name of the new tree; `old` is -1 where what lies below it has nothing to be compared with. */
static int one_name(struct writer *w, int old, int new, const char *name, const char *path, struct above *up) {
  struct stat before, now;
  if (fstatat(new, name, &now, AT_SYMLINK_NOFOLLOW) != 0) return -errno;
  bool was = old >= 0 && fstatat(old, name, &before, AT_SYMLINK_NOFOLLOW) == 0;
  struct above here = {.up = up, .dir = new, .last = name, .path = path, .st = now};
  int rc = 0;
  if (!was || !same(old, new, name, &before, &now)) {
    rc = report(w, up, was ? 'C' : 'A', new, name, path, &now);
    here.written = true;
  }
  if (rc < 0 || !S_ISDIR(now.st_mode)) return rc;
  int a = was && S_ISDIR(before.st_mode) ? (int)AGAIN(openat(old, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) : -1;
  int b = (int)AGAIN(openat(new, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  rc = b < 0 ? b : compare(w, a, b, path, &here);
  close_fd(a);
  close_fd(b);
  return rc;
}

static int compare(struct writer *w, int old, int new, const char *path, struct above *up) {
  struct listing a, b;
  int rc = list(old, &a);
  if (rc == 0) rc = list(new, &b);
  else b = (struct listing){0};
  for (size_t i = 0, j = 0; rc == 0 && (i < a.n || j < b.n);) {
    int order = i == a.n ? 1 : j == b.n ? -1 : strcmp(a.names[i], b.names[j]);
    const char *name = order < 0 ? a.names[i] : b.names[j];
    char below[PATH_MAX];
    if (guard_caught()) rc = -EINTR;
    else if (snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "", name) >= (int)sizeof below) rc = -ENAMETOOLONG;
    else if (order < 0) rc = report(w, up, 'D', -1, name, below, NULL);
    else rc = one_name(w, old, new, name, below, up);
    i += order <= 0;
    j += order >= 0;
  }
  unlist(&a);
  unlist(&b);
  return rc;
}

/* The tree of the layers: a directory as it is, or a mount of them where they have overlay's marks. */
static int old_tree(char *words, char **lower, unsigned n, bool marked) {
  if (!marked) return (int)AGAIN(open(lower[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct overlay o = {.target = "", .lower = lower, .lowers = n, .upper = "", .work = ""};
  int mount = overlay_mount(words, &o);
  /* What comes from fsmount(2) is an O_PATH descriptor. */
  return mount < 0 ? mount : (int)AGAIN(openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/*
 * The root directory itself is as the topmost layer says that names it: the file `info` beside
 * a layer's tree knows whether it does. A directory that is not a layer of the store does.
 */
static const char *root_of(char **lower, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    char path[PATH_MAX], text[128] = "";
    size_t length = strlen(lower[i]);
    if (length < 5 || length >= sizeof path - 8 || strcmp(lower[i] + length - 5, "/tree") != 0) return lower[i];
    snprintf(path, sizeof path, "%.*s/info", (int)length - 5, lower[i]);
    int fd = (int)AGAIN(open(path, O_RDONLY | O_CLOEXEC));
    if (fd < 0) return lower[i];
    long got = AGAIN(read(fd, text, sizeof text - 1));
    close_fd(fd);
    if (got < 2 || text[got - 2] == '1') return lower[i];
  }
  return lower[n - 1];
}

static int compare_roots(struct writer *w, int old, int new, const char *like_path) {
  struct above root = {.dir = new, .last = ".", .path = ""};
  struct stat before;
  int like = (int)AGAIN(open(like_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)), rc = 0;
  if (like < 0) return like;
  if (fstat(new, &root.st) != 0 || fstat(like, &before) != 0) rc = -errno;
  bool unchanged = rc == 0 && same(like, new, ".", &before, &root.st);
  close_fd(like);
  if (rc == 0 && !unchanged) rc = w->text ? line(w, 'C', "") : write_above(w, &root);
  if (rc == 0) rc = compare(w, old, new, "", &root);
  return rc == 0 ? writer_end(w) : rc;
}

int request_diff(struct request *r) {
  char **lower = r->args[DIFF_LOWER].list;
  unsigned n = (unsigned)r->args[DIFF_LOWER].number;
  if (n == 0) return -EINVAL;
  int old = old_tree(r->words, lower, n, r->args[DIFF_MARKED].number != 0);
  if (old < 0) return old;
  int new = (int)AGAIN(open(r->args[DIFF_ROOT].text, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct writer *w = calloc(1, sizeof *w);
  int rc = !w ? -ENOMEM : new < 0 ? new : 0;
  if (rc == 0) {
    w->fd = LAYERS_GIVEN;
    w->text = r->args[DIFF_LINES].number != 0;
    rc = compare_roots(w, old, new, root_of(lower, n));
    /* Who reads lines may have had enough of them; of an archive that is a failure. */
    if (rc == -EPIPE && w->text) rc = 0;
  }
  if (rc == -ENOTSUP) {
    words_say(r->words, "/%s cannot be kept in a layer, in which a name that begins with .wh. hides another", w->culprit);
    rc = -E_DETAIL;
  } else if (rc < 0 && w && *w->culprit) {
    words_say(r->words, "/%s", w->culprit);
  }
  return rc;
}
