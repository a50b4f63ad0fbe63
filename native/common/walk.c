/*
 * The walk keeps a descriptor for every directory it stands below, and `..` goes back to the
 * one before: a directory that is renamed out of the root meanwhile cannot lead the walk out,
 * as opening ".." would (CVE-2021-30465 is of that family). Nothing is opened but with
 * O_PATH|O_NOFOLLOW; links are read and walked as text.
 */
#include "kernel.h"
#include "walk.h"

#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#define LINKS 40 /* path_resolution(7): MAXSYMLINKS */

struct walk {
  int *held; /* held[0] is the root (not ours to close), the last is where we are */
  unsigned depth, room;
  char *rest; /* what is still to walk, malloc'd */
  int links;
  int file; /* the last component, if it is not a directory; else -1 */
  char name[NAME_MAX + 1];
};

static int push(struct walk *w, int fd) {
  if (w->depth == w->room) {
    unsigned room = w->room ? w->room * 2 : 16;
    int *held = realloc(w->held, room * sizeof *held);
    if (!held) {
      close_fd(fd);
      return -ENOMEM;
    }
    w->held = held;
    w->room = room;
  }
  w->held[w->depth++] = fd;
  return 0;
}

static void back_to(struct walk *w, unsigned depth) {
  while (w->depth > depth) close_fd(w->held[--w->depth]);
}

static void done(struct walk *w) {
  back_to(w, 1);
  close_fd(w->file);
  free(w->held);
  free(w->rest);
}

/*
 * A link of procfs that does not lead where its text says (RESOLVE_NO_MAGICLINKS refuses it as
 * well). Procfs's ordinary links (self, mounts, net) are all relative and name a path.
 */
static bool magic_link(int link, const char *text) {
  struct statfs fs;
  if (fstatfs(link, &fs) != 0 || fs.f_type != MAGIC_PROC) return false;
  return text[0] == '/' || strchr(text, ':') != NULL || strchr(text, ' ') != NULL;
}

/* Put the text of a link before what is still to walk. */
static int follow(struct walk *w, int link, const char *after) {
  char text[PATH_MAX];
  if (++w->links > LINKS) return -ELOOP;
  long length = AGAIN(readlinkat(link, "", text, sizeof text));
  if (length < 0) return (int)length;
  if (length == (long)sizeof text) return -ENAMETOOLONG;
  if (length == 0) return -ENOENT;
  text[length] = '\0';
  if (magic_link(link, text)) return -ELOOP;
  char *rest = malloc((size_t)length + strlen(after) + 2);
  if (!rest) return -ENOMEM;
  strcpy(rest, text);
  if (*after) strcat(strcat(rest, "/"), after);
  if (text[0] == '/') back_to(w, 1);
  free(w->rest);
  w->rest = rest;
  return 0;
}

/* Make the component; that somebody else made it meanwhile is not a failure: what it is, is looked at next. */
static int make_one(int dir, const char *name, bool directory, mode_t mode) {
  mode_t old = umask(0);
  long rc = directory ? AGAIN(mkdirat(dir, name, 0755))
                      : AGAIN(openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC,
                                     make_file_mode(mode)));
  umask(old);
  if (!directory && rc >= 0) close((int)rc);
  return rc == -EEXIST || rc > 0 ? 0 : (int)rc;
}

struct wish {
  enum make make;
  mode_t mode;
  bool last_only; /* O_CREAT makes no directories on the way */
  bool keep_link; /* O_NOFOLLOW: the last component may be a link, and is what is wanted */
};

/* One component. `*at` points behind it. */
static int component(struct walk *w, char *name, const char *after, const struct wish *wish) {
  int here = w->held[w->depth - 1];
  bool last = *after == '\0';
  if (strcmp(name, ".") == 0) return 0;
  if (strcmp(name, "..") == 0) {
    if (w->depth > 1) back_to(w, w->depth - 1);
    return 0;
  }
  if (strlen(name) > NAME_MAX) return -ENAMETOOLONG;
  long fd = AGAIN(openat(here, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (fd == -ENOENT && wish->make != MAKE_NOTHING && (last || !wish->last_only)) {
    bool directory = !last || wish->make == MAKE_DIRECTORY ||
                     (wish->make == MAKE_LIKE_SOURCE && S_ISDIR(wish->mode));
    int rc = make_one(here, name, directory, wish->mode);
    if (rc < 0) return rc;
    fd = AGAIN(openat(here, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  }
  if (fd < 0) return (int)fd;
  int mode = fd_mode((int)fd);
  if (mode >= 0 && S_ISDIR((mode_t)mode)) return push(w, (int)fd);
  int rc = mode < 0 ? mode : 0;
  if (rc == 0 && S_ISLNK((mode_t)mode) && !(last && wish->keep_link)) {
    rc = follow(w, (int)fd, after);
    close_fd((int)fd);
    return rc < 0 ? rc : 1;
  }
  if (rc == 0 && !last) rc = -ENOTDIR;
  if (rc < 0) {
    close_fd((int)fd);
    return rc;
  }
  strcpy(w->name, name);
  w->file = (int)fd;
  return 0;
}

static int walk(struct walk *w, int root, const char *path, const struct wish *wish) {
  *w = (struct walk){.file = -1};
  w->rest = strdup(path);
  if (!w->rest) return -ENOMEM;
  int rc = push(w, root);
  char *at = w->rest;
  bool slash = false; /* a slash at the end asks for a directory */
  while (rc == 0) {
    while (*at == '/') at++;
    if (*at == '\0') break;
    char *end = at + strcspn(at, "/");
    char *after = end + strspn(end, "/");
    slash = *end == '/' && *after == '\0';
    *end = '\0';
    rc = component(w, at, after, wish);
    at = after;
    if (rc == 1) { /* a link took the path's place */
      at = w->rest;
      rc = 0;
    }
  }
  if (rc == 0 && w->file >= 0 && slash) rc = -ENOTDIR;
  return rc;
}

/* The end of a walk as an O_PATH descriptor of its own. */
static int end_of(struct walk *w) {
  if (w->file >= 0) {
    int fd = w->file;
    w->file = -1;
    return fd;
  }
  return (int)AGAIN(openat(w->held[w->depth - 1], ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* Open the end for more than O_PATH. What stood there is compared, for it may have been exchanged. */
static int open_end(struct walk *w, int flags) {
  if (w->file < 0) return (int)AGAIN(openat(w->held[w->depth - 1], ".", flags | O_CLOEXEC));
  struct stat seen, got;
  long fd = AGAIN(openat(w->held[w->depth - 1], w->name, flags | O_NOFOLLOW | O_CLOEXEC));
  if (fd < 0) return (int)fd;
  if (fstat(w->file, &seen) != 0 || fstat((int)fd, &got) != 0 || seen.st_ino != got.st_ino ||
      seen.st_dev != got.st_dev) {
    close_fd((int)fd);
    return -EAGAIN;
  }
  return (int)fd;
}

int walk_open(int root, const char *path, int flags) {
  struct walk w;
  struct wish wish = {.make = flags & O_CREAT ? MAKE_FILE : MAKE_NOTHING,
                      .mode = 0644,
                      .last_only = true,
                      .keep_link = (flags & O_NOFOLLOW) != 0};
  int fd = walk(&w, root, path, &wish);
  if (fd == 0 && (flags & O_DIRECTORY) && w.file >= 0) fd = -ENOTDIR;
  if (fd == 0) fd = flags & O_PATH ? end_of(&w) : open_end(&w, flags & ~(O_CREAT | O_EXCL));
  done(&w);
  return fd;
}

int walk_make(int root, const char *path, enum make make, mode_t mode) {
  struct walk w;
  struct wish wish = {.make = make, .mode = mode};
  int fd = walk(&w, root, path, &wish);
  if (fd == 0) fd = end_of(&w);
  done(&w);
  return fd;
}
