/*
 * A layer's archive applied into a directory.
 *
 *   apply.c     entries one by one
 *   layer.c     what the others share: failures, directories inside the root, removing
 *   meta.c      what an entry says beside its content
 *   times.c     what is said of directories, done at the end
 *   whiteout.c  what a layer hides
 */
#ifndef CTR_LAYER_H
#define CTR_LAYER_H

#include "names.h"
#include "tar.h"

enum layer_mode {
  LAYER_PLAIN,  /* upon what lies below: whiteouts remove */
  LAYER_MARKED, /* by itself: whiteouts become overlay's marks (overlayfs.rst, "whiteouts and opaque directories") */
};

struct later { /* a directory's times and mode */
  dev_t dev;
  ino_t ino;
  char *path;
  struct timespec times[2];
  mode_t mode;
  bool set_mode;
};
struct later_set {
  struct later *all;
  uint32_t *slots; /* index and one, by device and inode; 0: free */
  size_t n, room;
};

struct layer {
  int root;
  enum layer_mode mode;
  bool user_marks;  /* marks as user.overlay.*, for `userxattr` */
  bool squash;      /* not root: everything is ours, and devices are empty files */
  bool has_lower;   /* LAYER_MARKED: what is not in this layer may be in one below */
  bool needs_lower; /* … and this layer cannot be applied without it */
  bool implied;     /* directories were made that the archive does not name */
  bool has_root;    /* the archive names the root directory itself */
  struct names made;    /* what this layer has, and the directories above it */
  struct later_set later;
  char *parent_path; /* of the descriptor below */
  int parent;
  bool inherits; /* what is made in it gets a group or an access control list from it */
  uid_t uid; /* ours: what is made belongs to us without a word */
  gid_t gid;
  uint64_t bytes, entries;
  uint64_t left_out; /* attributes that the file system cannot have */
  char left_name[64]; /* … and the first of them */
  char error[768];
};

/* Apply all entries. 0; -1 with layer->error; -2: needs_lower. */
int layer_apply(struct layer *layer, struct tar *tar);

/* --- layer.c */

/* printf into layer->error; -1. */
int layer_fail(struct layer *layer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with the kernel's answer, -errno. */
int layer_failed(struct layer *layer, const char *what, const char *path, long error);
/* A descriptor of `path` (normal form, "" the root), a directory inside the root; -errno. */
int layer_open(struct layer *layer, const char *path);
/* rm -r of a name in a directory. */
int layer_remove(int dir, const char *name);

/* --- times.c */

/* Remember a directory's times as they are, unless something else was said of them. */
void layer_keep_times(struct layer *layer, const char *path, int fd);
/* Remember what an entry says of a directory. */
void layer_set_later(struct layer *layer, const char *path, int fd, const struct entry *entry);
/* Set all that was remembered, and forget it. 0, or -1 with layer->error. */
int layer_do_later(struct layer *layer);

/* --- meta.c */

#define NO_MODE ((mode_t)~0u) /* that it was made with some mode or other */
/* Owner, mode, attributes and times of what was made as `last` in `dir`; `made` is the mode that it got. */
int layer_metadata(struct layer *layer, const struct entry *entry, int dir, const char *last, const char *path, int fd,
                   mode_t made);

/* --- whiteout.c */

/* Whether the last component makes this entry a whiteout. `path` is in normal form. */
bool is_whiteout(const char *last);
int layer_whiteout(struct layer *layer, const char *path, const char *last);
/* Mark a directory as hiding everything below it. */
int layer_opaque(struct layer *layer, int dir, const char *path);

#endif
