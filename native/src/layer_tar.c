/*
 * An archive as entries: ustar, pax and GNU's format (POSIX.1-2017 pax "ustar Interchange
 * Format", "pax Extended Header"; GNU tar's manual, "Basic Tar Format", "Sparse Formats").
 * Names, links and attributes are bytes.
 */
#include "layer.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD = 512, LONGEST = 1 << 20, EXTENTS = 1 << 20 };

static int spoilt(struct tar *tar, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(tar->error, sizeof tar->error, format, args);
  va_end(args);
  return -1;
}

/* Exactly so many bytes. */
static int get(struct tar *tar, void *to, size_t n) {
  for (size_t at = 0; at < n;) {
    const unsigned char *from;
    long got = stream_next(tar->stream, &from, n - at);
    if (got <= 0) return spoilt(tar, "%s", stream_error(tar->stream));
    memcpy((char *)to + at, from, (size_t)got);
    at += (size_t)got;
  }
  return 0;
}

static int skip(struct tar *tar, uint64_t n) {
  while (n > 0) {
    const unsigned char *from;
    long got = stream_next(tar->stream, &from, n < SIZE_MAX ? (size_t)n : SIZE_MAX);
    if (got <= 0) return spoilt(tar, "%s", stream_error(tar->stream));
    n -= (uint64_t)got;
  }
  return 0;
}

static uint64_t padding(uint64_t size) { return (RECORD - size % RECORD) % RECORD; }

/* Octal digits, or where the highest bit is set a number of base 256 (GNU, star). */
static int64_t number(const unsigned char *field, unsigned n) {
  if (field[0] & 0x80) {
    uint64_t value = field[0] & 0x40 ? ~(uint64_t)0 : 0;
    value = value << 6 | (field[0] & 0x3f);
    for (unsigned i = 1; i < n; i++) value = value << 8 | field[i];
    return (int64_t)value;
  }
  uint64_t value = 0;
  while (n > 0 && (*field == ' ' || *field == 0)) field++, n--;
  for (; n > 0 && *field >= '0' && *field <= '7'; field++, n--) value = value << 3 | (*field - '0');
  return (int64_t)value;
}

static char *bytes(const unsigned char *field, size_t most) {
  return strndup((const char *)field, most);
}

static void replace(char **text, char *with) {
  free(*text);
  *text = with;
}

/* `SECONDS.FRACTION`, maybe negative; the fraction counts upwards from the seconds, so -1.25 is -2 and 0.75. */
static struct timespec time_of(const char *text) {
  struct timespec time = {.tv_sec = strtoll(text, NULL, 10)};
  const char *dot = strchr(text, '.');
  if (!dot) return time;
  long unit = 100000000;
  for (dot++; *dot >= '0' && *dot <= '9' && unit > 0; dot++, unit /= 10) time.tv_nsec += (*dot - '0') * unit;
  if (text[0] == '-' && time.tv_nsec > 0) {
    time.tv_sec--;
    time.tv_nsec = 1000000000 - time.tv_nsec;
  }
  return time;
}

/* What pax records say of the next entry. */
struct said {
  char *path, *link, *sparse_name;
  bool size, uid, gid, mtime, real;
  uint64_t size_is, real_is;
  int64_t uid_is, gid_is;
  struct timespec mtime_is;
  struct xattr *xattrs;
  unsigned major, minor; /* GNU.sparse.* */
  uint64_t offset;
  struct extent *extents;
  unsigned nextents;
};

static int add_extent(struct tar *tar, struct extent **extents, unsigned *n, uint64_t offset, uint64_t length) {
  if (*n >= EXTENTS) return spoilt(tar, "a sparse file has too many parts");
  struct extent *more = realloc(*extents, (*n + 1) * sizeof *more);
  if (!more) return spoilt(tar, "no memory");
  more[*n] = (struct extent){offset, length};
  *extents = more;
  ++*n;
  return 0;
}

static void add_xattr(struct said *said, const char *name, const char *value, size_t length) {
  struct xattr *one = calloc(1, sizeof *one);
  one->name = strdup(name);
  one->value = malloc(length + 1);
  memcpy(one->value, value, length);
  one->length = length;
  one->next = said->xattrs;
  said->xattrs = one;
}

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

/* One record. `value` has a NUL behind it; a value that is empty takes back what was said. */
static int record(struct tar *tar, struct said *said, const char *key, const char *value, size_t length) {
  if (begins(key, "SCHILY.xattr.")) {
    add_xattr(said, key + 13, value, length);
  } else if (strcmp(key, "path") == 0 || strcmp(key, "linkpath") == 0 || strcmp(key, "GNU.sparse.name") == 0) {
    if (memchr(value, 0, length)) return spoilt(tar, "a name has a NUL in it");
    replace(key[0] == 'p' ? &said->path : key[0] == 'l' ? &said->link : &said->sparse_name, strdup(value));
  } else if (strcmp(key, "size") == 0) {
    said->size = length > 0;
    said->size_is = strtoull(value, NULL, 10);
  } else if (strcmp(key, "uid") == 0) {
    said->uid = length > 0;
    said->uid_is = strtoll(value, NULL, 10);
  } else if (strcmp(key, "gid") == 0) {
    said->gid = length > 0;
    said->gid_is = strtoll(value, NULL, 10);
  } else if (strcmp(key, "mtime") == 0) {
    said->mtime = length > 0;
    said->mtime_is = time_of(value);
  } else if (strcmp(key, "GNU.sparse.major") == 0) {
    said->major = (unsigned)strtoul(value, NULL, 10);
  } else if (strcmp(key, "GNU.sparse.minor") == 0) {
    said->minor = (unsigned)strtoul(value, NULL, 10);
  } else if (strcmp(key, "GNU.sparse.realsize") == 0 || strcmp(key, "GNU.sparse.size") == 0) {
    said->real = true;
    said->real_is = strtoull(value, NULL, 10);
  } else if (strcmp(key, "GNU.sparse.offset") == 0) {
    said->offset = strtoull(value, NULL, 10);
  } else if (strcmp(key, "GNU.sparse.numbytes") == 0) {
    return add_extent(tar, &said->extents, &said->nextents, said->offset, strtoull(value, NULL, 10));
  } else if (strcmp(key, "GNU.sparse.map") == 0) {
    for (char *at = (char *)value; *at;) {
      uint64_t offset = strtoull(at, &at, 10);
      if (*at != ',') return spoilt(tar, "a sparse file's map is spoilt");
      uint64_t n = strtoull(at + 1, &at, 10);
      if (add_extent(tar, &said->extents, &said->nextents, offset, n) != 0) return -1;
      if (*at == ',') at++;
      else if (*at) return spoilt(tar, "a sparse file's map is spoilt");
    }
  }
  return 0;
}

/* `LENGTH KEY=VALUE\n` one after another. */
static int records(struct tar *tar, struct said *said, char *text, size_t n) {
  for (size_t at = 0; at < n && text[at];) {
    char *after;
    unsigned long length = strtoul(text + at, &after, 10);
    if (*after != ' ' || length > n - at || length < (size_t)(after - text - (long)at) + 3 || text[at + length - 1] != '\n')
      return spoilt(tar, "an extended header is spoilt");
    char *key = after + 1, *end = text + at + length - 1;
    char *equals = memchr(key, '=', (size_t)(end - key));
    if (!equals) return spoilt(tar, "an extended header is spoilt");
    *equals = 0;
    *end = 0;
    if (record(tar, said, key, equals + 1, (size_t)(end - equals - 1)) != 0) return -1;
    at += length;
  }
  return 0;
}

static char *long_data(struct tar *tar, int64_t size) {
  if (size < 0 || size > LONGEST) {
    spoilt(tar, "a header of %lld bytes is too long", (long long)size);
    return NULL;
  }
  char *text = calloc(1, (size_t)size + 1);
  if (!text || get(tar, text, (size_t)size) != 0 || skip(tar, padding((uint64_t)size)) != 0) {
    free(text);
    return NULL;
  }
  return text;
}

/* GNU's old sparse header: four parts in it, twenty-one in each that follows. */
static int old_sparse(struct tar *tar, struct entry *entry, const unsigned char *head) {
  unsigned char next[RECORD];
  const unsigned char *parts = head + 386;
  unsigned n = 4;
  bool more = head[482] != 0;
  for (;;) {
    for (unsigned i = 0; i < n && parts[24 * i]; i++)
      if (add_extent(tar, &entry->extents, &entry->nextents, (uint64_t)number(parts + 24 * i, 12),
                     (uint64_t)number(parts + 24 * i + 12, 12)) != 0)
        return -1;
    if (!more) return 0;
    if (get(tar, next, RECORD) != 0) return -1;
    parts = next;
    n = 21;
    more = next[504] != 0;
  }
}

static int map_line(struct tar *tar, struct entry *entry, uint64_t *value) {
  *value = 0;
  for (;;) {
    unsigned char c;
    if (entry->left == 0) return spoilt(tar, "a sparse file's map is spoilt");
    if (get(tar, &c, 1) != 0) return -1;
    entry->left--;
    if (c == '\n') return 0;
    if (c < '0' || c > '9' || *value > UINT64_MAX / 16) return spoilt(tar, "a sparse file's map is spoilt");
    *value = *value * 10 + (c - '0');
  }
}

/* The newest form has its map before the data, filled up to a whole record. */
static int map_in_data(struct tar *tar, struct entry *entry) {
  uint64_t before = entry->left, count, offset, length;
  if (map_line(tar, entry, &count) != 0) return -1;
  for (uint64_t i = 0; i < count; i++) {
    if (map_line(tar, entry, &offset) != 0 || map_line(tar, entry, &length) != 0) return -1;
    if (add_extent(tar, &entry->extents, &entry->nextents, offset, length) != 0) return -1;
  }
  uint64_t rest = padding(before - entry->left);
  if (rest > entry->left) return spoilt(tar, "a sparse file's map is spoilt");
  entry->left -= rest;
  return skip(tar, rest);
}

/* Parts in order, inside the file, and as long together as the data. */
static int check_sparse(struct tar *tar, struct entry *entry) {
  uint64_t at = 0, sum = 0;
  for (unsigned i = 0; i < entry->nextents; i++) {
    const struct extent *e = entry->extents + i;
    if (e->offset < at || e->length > entry->size || e->offset > entry->size - e->length)
      return spoilt(tar, "a sparse file's parts lie outside of it");
    at = e->offset + e->length;
    sum += e->length;
  }
  return sum == entry->left ? 0 : spoilt(tar, "a sparse file's parts are not as long as its data");
}

static int check_sum(const unsigned char *head) {
  unsigned sum = 0;
  int with_sign = 0;
  for (unsigned i = 0; i < RECORD; i++) {
    unsigned char c = i >= 148 && i < 156 ? ' ' : head[i];
    sum += c;
    with_sign += (signed char)c;
  }
  int64_t wanted = number(head + 148, 8);
  return wanted == (int64_t)sum || wanted == with_sign;
}

static bool all_zero(const unsigned char *head) {
  for (unsigned i = 0; i < RECORD; i++)
    if (head[i]) return false;
  return true;
}

static void from_header(struct entry *entry, const unsigned char *head) {
  bool posix = memcmp(head + 257, "ustar\0", 6) == 0;
  entry->name = bytes(head, 100);
  if (posix && head[345]) {
    size_t prefix = strnlen((const char *)head + 345, memcmp(head + 508, "tar", 4) == 0 ? 131 : 155);
    char *whole = malloc(prefix + 1 + strlen(entry->name) + 1);
    memcpy(whole, head + 345, prefix);
    whole[prefix] = '/';
    strcpy(whole + prefix + 1, entry->name);
    replace(&entry->name, whole);
  }
  entry->link = bytes(head + 157, 100);
  entry->mode = (mode_t)number(head + 100, 8) & 07777;
  entry->uid = number(head + 108, 8);
  entry->gid = number(head + 116, 8);
  entry->mtime.tv_sec = number(head + 136, 12);
  entry->type = (char)head[156];
  if (entry->type == 0 || entry->type == '7') entry->type = '0';
  entry->major = (unsigned)number(head + 329, 8);
  entry->minor = (unsigned)number(head + 337, 8);
}

static void said_so(struct entry *entry, struct said *said) {
  if (said->path && *said->path) replace(&entry->name, said->path), said->path = NULL;
  if (said->link && *said->link) replace(&entry->link, said->link), said->link = NULL;
  if (said->sparse_name) replace(&entry->name, said->sparse_name), said->sparse_name = NULL;
  if (said->uid) entry->uid = said->uid_is;
  if (said->gid) entry->gid = said->gid_is;
  if (said->mtime) entry->mtime = said->mtime_is;
  entry->xattrs = said->xattrs;
  said->xattrs = NULL;
}

static int finish(struct tar *tar, struct entry *entry, struct said *said, const unsigned char *head, int64_t size) {
  if (size < 0) return spoilt(tar, "%s has a length below zero", entry->name);
  /* What has no data says so by its type; its size field may say anything. */
  if (strchr("123456", entry->type)) size = 0;
  entry->left = entry->size = (uint64_t)size;
  tar->padding = padding(entry->left);
  if (entry->type == 'S') {
    entry->type = '0';
    entry->sparse = true;
    entry->size = (uint64_t)number(head + 483, 12);
    if (old_sparse(tar, entry, head) != 0) return -1;
  } else if (entry->type == '0' && (said->real || said->nextents || said->major)) {
    entry->sparse = true;
    entry->size = said->real_is;
    entry->extents = said->extents;
    entry->nextents = said->nextents;
    said->extents = NULL;
    if (said->major == 1 && map_in_data(tar, entry) != 0) return -1;
  }
  if (entry->sparse) return check_sparse(tar, entry) == 0 ? 1 : -1;
  size_t length = strlen(entry->name);
  /* Before POSIX a directory was a file whose name ends in a slash. */
  if (entry->type == '0' && length > 0 && entry->name[length - 1] == '/' && entry->size == 0) entry->type = '5';
  return 1;
}

static void free_xattrs(struct xattr *one) {
  while (one) {
    struct xattr *next = one->next;
    free(one->name);
    free(one->value);
    free(one);
    one = next;
  }
}

static void free_said(struct said *said) {
  free(said->path);
  free(said->link);
  free(said->sparse_name);
  free(said->extents);
  free_xattrs(said->xattrs);
}

void tar_free(struct entry *entry) {
  free(entry->name);
  free(entry->link);
  free(entry->extents);
  free_xattrs(entry->xattrs);
  *entry = (struct entry){0};
}

/* Headers up to that of an entry. */
static int headers(struct tar *tar, struct entry *entry, struct said *said) {
  unsigned char head[RECORD];
  for (;;) {
    const unsigned char *from;
    long got = stream_next(tar->stream, &from, RECORD);
    if (got == 0) return 0; /* some writers leave the end's two records out */
    if (got < 0) return spoilt(tar, "%s", stream_error(tar->stream));
    memcpy(head, from, (size_t)got);
    if (got < RECORD && get(tar, head + got, RECORD - (size_t)got) != 0) return -1;
    if (all_zero(head)) return 0;
    if (!check_sum(head)) return spoilt(tar, "this is no tar archive, or a spoilt one: a header's checksum is wrong");
    int64_t size = said->size ? (int64_t)said->size_is : number(head + 124, 12);
    char type = (char)head[156];
    if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
      char *text = long_data(tar, number(head + 124, 12));
      if (!text) return -1;
      int rc = 0;
      if (type == 'x') rc = records(tar, said, text, (size_t)number(head + 124, 12));
      if (type == 'L') replace(&said->path, strdup(text));
      if (type == 'K') replace(&said->link, strdup(text));
      free(text);
      if (rc != 0) return -1;
      continue;
    }
    if (type == 'V') { /* a volume's label */
      if (size < 0 || skip(tar, (uint64_t)size + padding((uint64_t)size)) != 0) return spoilt(tar, "a label is spoilt");
      continue;
    }
    from_header(entry, head);
    said_so(entry, said);
    return finish(tar, entry, said, head, size);
  }
}

int tar_next(struct tar *tar, struct entry *entry) {
  *entry = (struct entry){0};
  struct said said = {0};
  int rc = headers(tar, entry, &said);
  free_said(&said);
  return rc;
}

long tar_data(struct tar *tar, struct entry *entry, const unsigned char **from) {
  if (entry->left == 0) {
    uint64_t rest = tar->padding;
    tar->padding = 0;
    return skip(tar, rest);
  }
  long got = stream_next(tar->stream, from, entry->left < SIZE_MAX ? (size_t)entry->left : SIZE_MAX);
  if (got <= 0) return spoilt(tar, "%s", stream_error(tar->stream));
  entry->left -= (uint64_t)got;
  return got;
}
