/* An archive as entries: tar.c, with pax.c, sparse.c and acl.c. */
#ifndef CTR_TAR_H
#define CTR_TAR_H

#include <time.h>

#include "stream.h"

struct xattr {
  struct xattr *next;
  char *name;
  unsigned char *value;
  size_t length;
};

struct extent {
  uint64_t offset, length;
};

struct entry {
  char type; /* as in the header: '0' file, '1' link, '2' symlink, '3' char, '4' block, '5' directory, '6' FIFO */
  char *name, *link;
  mode_t mode;
  int64_t uid, gid;
  uint64_t size;  /* of the file */
  uint64_t left;  /* of its data in the archive, still to be read */
  struct timespec mtime;
  int64_t major, minor;
  struct xattr *xattrs;
  struct extent *extents; /* of a sparse file */
  unsigned nextents;
  bool sparse;
};

struct tar {
  struct stream *stream;
  uint64_t padding;
  char error[512];
};
/* The next entry: 1, 0 at the end, -1 with tar->error. What the entry points to lasts until the next. */
int tar_next(struct tar *tar, struct entry *entry);
/* Data of the entry, as stream_next. 0 when all was read. */
long tar_data(struct tar *tar, struct entry *entry, const unsigned char **from);
void tar_free(struct entry *entry);

#endif
