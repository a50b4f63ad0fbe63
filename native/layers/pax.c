/* What pax records say of an entry (pax(1), "pax Header Block"; GNU tar and star add keys of their own). */
#include "tar_parts.h"

#include <stdlib.h>
#include <string.h>

static void replace(char **text, char *with) {
  free(*text);
  *text = with;
}

/* `SECONDS.FRACTION`, maybe negative; the fraction counts upwards from the seconds, so -1.25 is -2 and 0.75. */
static bool time_of(const char *text, struct timespec *time) {
  char *end;
  bool digits = text[text[0] == '-'] >= '0' && text[text[0] == '-'] <= '9';
  errno = 0;
  *time = (struct timespec){.tv_sec = strtoll(text, &end, 10)};
  if (!digits || errno != 0) return false;
  long unit = 100000000;
  if (*end == '.')
    for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10) time->tv_nsec += (*end - '0') * unit;
  if (text[0] == '-' && time->tv_nsec > 0) {
    if (time->tv_sec == INT64_MIN) return false;
    time->tv_sec--;
    time->tv_nsec = 1000000000 - time->tv_nsec;
  }
  return *end == 0;
}

/* In the order in which they are said: of one name the last counts. Takes `value` over. */
static int add_xattr(struct tar *tar, struct said *said, const char *name, unsigned char *value, size_t length) {
  struct xattr *one = calloc(1, sizeof *one);
  if (!one || !value || !(one->name = strdup(name))) {
    free(one);
    free(value);
    return tar_spoilt(tar, "no memory");
  }
  one->value = value;
  one->length = length;
  if (said->last_xattr) said->last_xattr->next = one;
  else said->xattrs = one;
  said->last_xattr = one;
  return 0;
}

static unsigned char *bytes_of(const char *value, size_t length) {
  unsigned char *copy = malloc(length + 1);
  return copy ? memcpy(copy, value, length) : NULL;
}

static int add_acl(struct tar *tar, struct said *said, const char *name, const char *text) {
  unsigned char *value;
  char words[160];
  long length = acl_from_text(text, &value, words, sizeof words);
  if (length < 0) return tar_spoilt(tar, "an access control list cannot be understood: %s", words);
  return add_xattr(tar, said, name, value, (size_t)length);
}

/* All of `value` is a decimal number: what other readers may take for another number is refused. */
static int decimal(struct tar *tar, const char *key, const char *value, bool sign, int64_t *number) {
  char *end;
  errno = 0;
  *number = strtoll(value, &end, 10);
  if (*end == 0 && end != value && errno == 0 && (sign || *number >= 0) && !strchr("+ \t", *value)) return 0;
  return tar_spoilt(tar, "the record %s of an extended header is not a number there can be: %.40s", key, value);
}

/* A number that takes the place of the header's, or where it is empty takes back what was said. */
static int replacing(struct tar *tar, const char *key, const char *value, bool sign, bool *said, int64_t *number) {
  *said = *value != 0;
  return *said ? decimal(tar, key, value, sign, number) : 0;
}

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static int sparse_record(struct tar *tar, struct said *said, const char *key, const char *value) {
  int64_t number = 0;
  if (strcmp(key, "map") == 0) return sparse_text(tar, said, value);
  if (strcmp(key, "numblocks") == 0) return 0; /* it is counted */
  if (decimal(tar, key, value, false, &number) != 0) return -1;
  if (strcmp(key, "major") == 0) said->major = (unsigned)number;
  else if (strcmp(key, "minor") == 0) said->minor = (unsigned)number;
  else if (strcmp(key, "realsize") == 0 || strcmp(key, "size") == 0) said->real = true, said->real_is = (uint64_t)number;
  else if (strcmp(key, "offset") == 0) said->offset = (uint64_t)number;
  else if (strcmp(key, "numbytes") == 0)
    return sparse_add(tar, &said->extents, &said->nextents, said->offset, (uint64_t)number);
  return 0;
}

/* One record. `value` has a NUL behind it; a value that is empty takes back what was said. */
static int record(struct tar *tar, struct said *said, const char *key, const char *value, size_t length) {
  bool path = strcmp(key, "path") == 0, link = strcmp(key, "linkpath") == 0;
  if (begins(key, "SCHILY.xattr.")) return add_xattr(tar, said, key + 13, bytes_of(value, length), length);
  if (strcmp(key, "SCHILY.acl.access") == 0) return add_acl(tar, said, "system.posix_acl_access", value);
  if (strcmp(key, "SCHILY.acl.default") == 0) return add_acl(tar, said, "system.posix_acl_default", value);
  if (path || link || strcmp(key, "GNU.sparse.name") == 0) {
    if (memchr(value, 0, length)) return tar_spoilt(tar, "a name has a NUL in it");
    replace(path ? &said->path : link ? &said->link : &said->sparse_name, strdup(value));
    return 0;
  }
  if (begins(key, "GNU.sparse.")) return sparse_record(tar, said, key + 11, value);
  if (strcmp(key, "size") == 0) return replacing(tar, key, value, false, &said->size, &said->size_is);
  if (strcmp(key, "uid") == 0) return replacing(tar, key, value, true, &said->uid, &said->uid_is);
  if (strcmp(key, "gid") == 0) return replacing(tar, key, value, true, &said->gid, &said->gid_is);
  if (strcmp(key, "mtime") == 0) {
    said->mtime = length > 0;
    if (said->mtime && !time_of(value, &said->mtime_is))
      return tar_spoilt(tar, "the record mtime of an extended header is not a time: %.40s", value);
  }
  return 0;
}

/* `LENGTH KEY=VALUE\n` one after another. */
int pax_records(struct tar *tar, struct said *said, char *text, size_t n) {
  for (size_t at = 0; at < n && text[at];) {
    char *after;
    unsigned long length = strtoul(text + at, &after, 10);
    if (*after != ' ' || length > n - at || length < (size_t)(after - text - (long)at) + 3 || text[at + length - 1] != '\n')
      return tar_spoilt(tar, "an extended header is spoilt");
    char *key = after + 1, *end = text + at + length - 1;
    char *equals = memchr(key, '=', (size_t)(end - key));
    if (!equals) return tar_spoilt(tar, "an extended header is spoilt");
    *equals = 0;
    *end = 0;
    if (record(tar, said, key, equals + 1, (size_t)(end - equals - 1)) != 0) return -1;
    at += length;
  }
  return 0;
}

void pax_said(struct entry *entry, struct said *said) {
  if (said->path && *said->path) replace(&entry->name, said->path), said->path = NULL;
  if (said->link && *said->link) replace(&entry->link, said->link), said->link = NULL;
  if (said->sparse_name) replace(&entry->name, said->sparse_name), said->sparse_name = NULL;
  if (said->uid) entry->uid = said->uid_is;
  if (said->gid) entry->gid = said->gid_is;
  if (said->mtime) entry->mtime = said->mtime_is;
  entry->xattrs = said->xattrs;
  said->xattrs = said->last_xattr = NULL;
}

void tar_free_xattrs(struct xattr *one) {
  while (one) {
    struct xattr *next = one->next;
    free(one->name);
    free(one->value);
    free(one);
    one = next;
  }
}

void pax_free(struct said *said) {
  free(said->path);
  free(said->link);
  free(said->sparse_name);
  free(said->extents);
  tar_free_xattrs(said->xattrs);
}

