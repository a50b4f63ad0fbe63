/* What the parts of the archive's reader share. */
#ifndef CTR_TAR_PARTS_H
#define CTR_TAR_PARTS_H

#include "tar.h"

enum { TAR_RECORD = 512 };

/* --- tar.c */

/* printf into tar->error; -1. */
int tar_spoilt(struct tar *tar, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Read exactly so many bytes, or pass over them. 0, or -1. */
int tar_get(struct tar *tar, void *to, size_t n);
int tar_skip(struct tar *tar, uint64_t n);
/* How much fills a record up. */
uint64_t tar_padding(uint64_t size);
/* A field of a header. */
int64_t tar_number(const unsigned char *field, unsigned n);

/* --- pax.c */

/* What pax records say of the next entry. */
struct said {
  char *path, *link, *sparse_name;
  bool size, uid, gid, mtime, real;
  int64_t size_is, uid_is, gid_is;
  uint64_t real_is;
  struct timespec mtime_is;
  struct xattr *xattrs, *last_xattr;
  size_t length; /* of all headers so far */
  unsigned major, minor; /* GNU.sparse.* */
  uint64_t offset;
  struct extent *extents;
  unsigned nextents;
};
/* Understand the records of an extended header, which has a NUL behind its `n` bytes. */
int pax_records(struct tar *tar, struct said *said, char *text, size_t n);
/* Take what was said over into the entry. */
void pax_said(struct entry *entry, struct said *said);
void pax_free(struct said *said);
void tar_free_xattrs(struct xattr *one);

/* --- sparse.c */

int sparse_add(struct tar *tar, struct extent **extents, unsigned *n, uint64_t offset, uint64_t length);
/* `OFFSET,LENGTH,…` of a pax record. */
int sparse_text(struct tar *tar, struct said *said, const char *text);
/* The parts of a file as GNU's old header, or what was said of it, has them; checked. */
int sparse_old(struct tar *tar, struct entry *entry, const unsigned char *head);
int sparse_said(struct tar *tar, struct entry *entry, struct said *said);

/* --- acl.c */

/*
 * An access control list as text (acl(5), "ACL TEXT FORMS"; star writes IDs as a fourth field)
 * as the kernel wants it in system.posix_acl_* (linux/posix_acl_xattr.h). Its length, malloc'd;
 * -1 with words.
 */
long acl_from_text(const char *text, unsigned char **value, char *words, size_t room);

#endif
