/* Writing what changed between two trees: as a layer's archive, or as lines. */
#ifndef CTR_WRITE_H
#define CTR_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct writer {
  int fd;
  bool text; /* lines `A /path`, `C /path`, `D /path` in place of an archive */
  struct written {
    dev_t dev;
    ino_t ino;
    char *path;
  } *linked; /* files of several names, by what they are */
  size_t nlinked, room;
  char culprit[4096]; /* the path that failed */
  size_t held;
  char buffer[1 << 16];
};

/* 0 or -errno; -ENOTSUP: a layer cannot hold a file of this name. */
int writer_entry(struct writer *w, int dir, const char *last, const char *path, const struct stat *st);
int writer_whiteout(struct writer *w, const char *path);
int writer_end(struct writer *w);
/* Whether an attribute belongs to the tree, and not to the way in which it is kept. */
bool xattr_counts(const char *name);

#endif
