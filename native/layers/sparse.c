/* The forms in which GNU tar keeps files with holes (tar manual, "Storing Sparse Files"). */
#include "tar_parts.h"

#include <stdlib.h>
#include <string.h>

enum { EXTENTS = 1 << 20 };

int sparse_add(struct tar *tar, struct extent **extents, unsigned *n, uint64_t offset, uint64_t length) {
  if (*n >= EXTENTS) return tar_spoilt(tar, "a sparse file has too many parts");
  if ((*n & (*n - 1)) == 0) { /* twice the room at each power of two */
    struct extent *more = realloc(*extents, (*n ? *n * 2 : 1) * sizeof *more);
    if (!more) return tar_spoilt(tar, "no memory");
    *extents = more;
  }
  (*extents)[(*n)++] = (struct extent){offset, length};
  return 0;
}

int sparse_text(struct tar *tar, struct said *said, const char *text) {
  for (const char *at = text; *at;) {
    char *after;
    if (*at < '0' || *at > '9') return tar_spoilt(tar, "a sparse file's map is spoilt");
    uint64_t offset = strtoull(at, &after, 10);
    if (*after != ',' || after[1] < '0' || after[1] > '9') return tar_spoilt(tar, "a sparse file's map is spoilt");
    uint64_t n = strtoull(after + 1, &after, 10);
    if (sparse_add(tar, &said->extents, &said->nextents, offset, n) != 0) return -1;
    if (*after == ',') after++;
    else if (*after) return tar_spoilt(tar, "a sparse file's map is spoilt");
    at = after;
  }
  return 0;
}

/* GNU's old sparse header: four parts in it, twenty-one in each that follows. */
static int old_sparse(struct tar *tar, struct entry *entry, const unsigned char *head) {
  unsigned char next[TAR_RECORD];
  const unsigned char *parts = head + 386;
  unsigned n = 4;
  bool more = head[482] != 0;
  for (;;) {
    for (unsigned i = 0; i < n && parts[24 * i]; i++)
      if (sparse_add(tar, &entry->extents, &entry->nextents, (uint64_t)tar_number(parts + 24 * i, 12),
                     (uint64_t)tar_number(parts + 24 * i + 12, 12)) != 0)
        return -1;
    if (!more) return 0;
    if (tar_get(tar, next, TAR_RECORD) != 0) return -1;
    parts = next;
    n = 21;
    more = next[504] != 0;
  }
}

static int map_line(struct tar *tar, struct entry *entry, uint64_t *value) {
  *value = 0;
  for (;;) {
    unsigned char c;
    if (entry->left == 0) return tar_spoilt(tar, "a sparse file's map is spoilt");
    if (tar_get(tar, &c, 1) != 0) return -1;
    entry->left--;
    if (c == '\n') return 0;
    if (c < '0' || c > '9' || *value > UINT64_MAX / 16) return tar_spoilt(tar, "a sparse file's map is spoilt");
    *value = *value * 10 + (c - '0');
  }
}

/* The newest form has its map before the data, filled up to a whole record. */
static int map_in_data(struct tar *tar, struct entry *entry) {
  uint64_t before = entry->left, count, offset, length;
  if (map_line(tar, entry, &count) != 0) return -1;
  for (uint64_t i = 0; i < count; i++) {
    if (map_line(tar, entry, &offset) != 0 || map_line(tar, entry, &length) != 0) return -1;
    if (sparse_add(tar, &entry->extents, &entry->nextents, offset, length) != 0) return -1;
  }
  uint64_t rest = tar_padding(before - entry->left);
  if (rest > entry->left) return tar_spoilt(tar, "a sparse file's map is spoilt");
  entry->left -= rest;
  return tar_skip(tar, rest);
}

/* Parts in order, inside the file, and as long together as the data. */
static int check_sparse(struct tar *tar, struct entry *entry) {
  uint64_t at = 0, sum = 0;
  if (entry->size > INT64_MAX) return tar_spoilt(tar, "a sparse file has a length that there cannot be");
  for (unsigned i = 0; i < entry->nextents; i++) {
    const struct extent *e = entry->extents + i;
    if (e->offset < at || e->length > entry->size || e->offset > entry->size - e->length)
      return tar_spoilt(tar, "a sparse file's parts lie outside of it");
    at = e->offset + e->length;
    sum += e->length;
  }
  return sum == entry->left ? 0 : tar_spoilt(tar, "a sparse file's parts are not as long as its data");
}


int sparse_old(struct tar *tar, struct entry *entry, const unsigned char *head) {
  entry->sparse = true;
  entry->size = (uint64_t)tar_number(head + 483, 12);
  return old_sparse(tar, entry, head) == 0 ? check_sparse(tar, entry) : -1;
}

int sparse_said(struct tar *tar, struct entry *entry, struct said *said) {
  entry->sparse = true;
  entry->size = said->real_is;
  entry->extents = said->extents;
  entry->nextents = said->nextents;
  said->extents = NULL;
  said->nextents = 0;
  if (said->major == 1 && map_in_data(tar, entry) != 0) return -1;
  return check_sparse(tar, entry);
}
