/*
 * Layers of images: an archive is read, verified, decompressed and applied into a directory.
 *
 *   layer_digest.c   digests, by layer_sha256.c and layer_sha512.c
 *   layer_gzip.c     gzip, with layer_inflate.c and layer_huffman.c
 *   layer_stream.c   the archive's bytes, verified and decompressed on a thread of their own
 *   layer_tar.c      the stream as entries, with layer_pax.c, layer_sparse.c and layer_acl.c
 *   layer_names.c    which names of a directory this layer has made
 *   layer_apply.c    an entry into a directory
 *   layer_meta.c     what an entry says beside its content
 *   layer_times.c    what is said of directories, done at the end
 *   layer_whiteout.c what a layer hides
 *   layer_job.c      one layer into the store
 *   layer_kept.c     whether it is there whole
 *   layer_progress.c how far it is
 *   op_layers.c      jobs together
 */
#ifndef CTR_LAYER_H
#define CTR_LAYER_H

#include "kernel.h"
#include "launcher.h"

#include <setjmp.h>
#include <time.h>

/* --- layer_sha256.c */

struct sha256 {
  uint32_t state[8];
  uint64_t length;
  unsigned char block[64];
};
void sha256_begin(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *data, size_t length);
/* Lower case hexadecimal, NUL behind it. */
void sha256_end(struct sha256 *sha, char hex[65]);

/* --- layer_sha512.c */

struct sha512 {
  uint64_t state[8];
  uint64_t length;
  unsigned char block[128];
};
void sha512_begin(struct sha512 *sha);
void sha512_add(struct sha512 *sha, const void *data, size_t length);
void sha512_end(struct sha512 *sha, char hex[129]);

/* --- layer_digest.c: whichever digest a descriptor has */

struct digest {
  const char *wanted; /* `ALGORITHM:HEX`; empty: nothing is digested */
  union {
    struct sha256 sha256;
    struct sha512 sha512;
  };
};
/* False where it is of an algorithm that nobody here knows. `wanted` stays the caller's. */
bool digest_begin(struct digest *digest, const char *wanted);
void digest_add(struct digest *digest, const void *data, size_t length);
/* Whether it is what was wanted; what it is, in `found`. */
bool digest_fits(struct digest *digest, char found[160]);

/* --- layer_gzip.c */

#define INFLATE_WINDOW 32768
#define INFLATE_SLACK 320 /* behind an output block: a match of 258 bytes and what is copied too much */

/*
 * Decompress a whole gzip stream, all of its members (RFC 1952). `more` gives input, 0 at its
 * end, negative to give up. `put` takes a full or last block and gives the next: a pointer
 * before which INFLATE_WINDOW bytes of what came last lie and behind which there is room for
 * `room` and INFLATE_SLACK bytes; NULL to give up.
 */
struct inflate_io {
  void *data;
  long (*more)(void *data, const unsigned char **from);
  unsigned char *(*put)(void *data, unsigned char *block, size_t length);
  size_t room;
  bool check; /* the CRC too: where nothing else verifies the content */
};
/* 0, or why not. */
const char *inflate_gzip(const struct inflate_io *io, unsigned char *block);

/* --- layer_stream.c */

enum compression { PLAIN = 0, GZIP = 1, GUESS = 2 };

struct stream_source {
  int fd;
  uint64_t offset, size;
  enum compression compression;
  const char *digest;          /* of the blob, `sha256:…` or `sha512:…`, or empty */
  const char *diff;            /* of the archive in it, or empty */
  _Atomic uint64_t *progress;  /* compressed bytes read, for others to see */
};

struct stream;
struct stream *stream_open(const struct stream_source *source);
/* At most `most` bytes that lie at *from until the next call. 0 at the end; -1: stream_error says why. */
long stream_next(struct stream *stream, const unsigned char **from, size_t most);
const char *stream_error(struct stream *stream);
/* Read what is left and verify all. 0, or -1. */
int stream_finish(struct stream *stream);
/* Something was wrong with what was read. True where the blob cannot be read or is not what its digest says, as stream_error then says. */
bool stream_blame(struct stream *stream);
/* Stop reading, and give everything back. */
void stream_close(struct stream *stream);

/* --- layer_tar.c */

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

/* --- layer_names.c: a set of paths */

struct names {
  char **slots;
  size_t used, room;
};
bool names_has(const struct names *names, const char *path);
/* True if it is new. */
bool names_add(struct names *names, const char *path);
void names_free(struct names *names);

/* --- layer_apply.c */

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
  char error[768];
};

/* Apply all entries. 0; -1 with layer->error; -2: needs_lower. */
int layer_apply(struct layer *layer, struct tar *tar);
/* printf into layer->error; -1. */
int layer_fail(struct layer *layer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with the kernel's answer, -errno. */
int layer_failed(struct layer *layer, const char *what, const char *path, long error);
/* A descriptor of `path` (normal form, "" the root), a directory inside the root; -errno. */
int layer_open(struct layer *layer, const char *path);
/* rm -r of a name in a directory. */
int layer_remove(int dir, const char *name);

/* --- layer_times.c */

/* Remember a directory's times as they are, unless something else was said of them. */
void layer_keep_times(struct layer *layer, const char *path, int fd);
/* Remember what an entry says of a directory. */
void layer_set_later(struct layer *layer, const char *path, int fd, const struct entry *entry);
/* Set all that was remembered, and forget it. 0, or -1 with layer->error. */
int layer_do_later(struct layer *layer);

/* --- layer_meta.c */

#define NO_MODE ((mode_t)~0u) /* that it was made with some mode or other */
/* Owner, mode, attributes and times of what was made as `last` in `dir`; `made` is the mode that it got. */
int layer_metadata(struct layer *layer, const struct entry *entry, int dir, const char *last, const char *path, int fd,
                   mode_t made);

/* --- layer_whiteout.c */

/* Whether the last component makes this entry a whiteout. `path` is in normal form. */
bool is_whiteout(const char *last);
int layer_whiteout(struct layer *layer, const char *path, const char *last);
/* Mark a directory as hiding everything below it. */
int layer_opaque(struct layer *layer, int dir, const char *path);

/* --- op_tree.c */

/* rm -r of a path; what is not there is no failure. 0 or -errno, with words in run->detail. */
int remove_tree(struct run *run, const char *path);

/* --- op_overlay.c */

struct overlay;
/* Mount it; the mount's root as a descriptor. */
int overlay_mount(struct run *run, const struct overlay *o);

/* --- layer_btrfs.c */

/* Make a subvolume at `path`: an empty one, or a snapshot of the subvolume `of`. 0 or -errno. */
int btrfs_subvolume(const char *path, const char *of);
/* Delete a subvolume. -ENOTTY or -EINVAL where it is none. */
int btrfs_delete(const char *path);

/* --- layer_job.c: one layer, in a process of its own */

enum layers_kind { LAYERS_OVERLAY, LAYERS_OVERLAY_USER, LAYERS_COPY, LAYERS_BTRFS, LAYERS_THIN };
enum job_result { JOB_DONE, JOB_FAILED, JOB_NEEDS_LOWER };

struct job {
  enum layers_kind kind;
  bool squash, bottom;
  const char *target; /* where the layer goes: DIRECTORY/tree, with DIRECTORY/info */
  const char *chain;  /* overlay: the layer as it is upon those below it; a link to `target` mostly */
  const char *archive;
  uint64_t offset, size;
  enum compression compression;
  const char *digest, *diff;
  char **lower; /* overlay: the layers below, topmost first; others: the one below */
  unsigned lowers;
  bool upon_lower; /* applied upon a mount of them */
};

struct job_state { /* shared with the process that does it */
  _Atomic uint64_t progress;
  int result;
  char error[1024];
};

/* Do it, in this process, which then ends. */
void job_do(const struct job *job, struct job_state *state);

/* --- layer_kept.c */

/* Whether a layer of the store is there, and all of it has come to the disk or is still in memory. */
bool layer_is_whole(const char *place);
/* Say that it is, of one that is not yet in its place. 0 or -errno. */
int layer_made_whole(const char *place);
/* Have those on the disk for good that have been there for a while. */
void layers_make_durable(const char *const *places, unsigned n);

/* --- layer_progress.c */

struct progress {
  int columns; /* of the terminal on stderr; 0: none */
  unsigned lines; /* drawn */
  uint64_t began, drawn;
};
void progress_draw(struct progress *p, const struct job *jobs, const struct job_state *states, const pid_t *pids,
                   unsigned n);
/* Leave nothing of it. */
void progress_end(struct progress *p);

/* Whether an attribute is a driver's own, and not the tree's. */
bool layer_own_mark(const char *name);

/* --- layer_copy.c */

/* Copy everything in a directory into another one, with reflinks where they are to be had. 0 or -errno. */
int copy_tree(int from, int to, char *culprit, size_t room);
/* Owner, mode, times and attributes (but overlay's own) of one directory to another. */
int copy_attributes(int from, int to);

#endif
