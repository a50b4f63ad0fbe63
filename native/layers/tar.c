/*
 * An archive as entries: ustar, pax and GNU's format (POSIX.1-2017 pax "ustar Interchange
 * Format", "pax Extended Header"; GNU tar's manual, "Basic Tar Format", "Sparse Formats").
 * Names, links and attributes are bytes.
 */
#include "tar_parts.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of all extended headers of one entry together: what a writer says of a file has room in it. */
enum { LONGEST = 4 << 20 };

int tar_spoilt(struct tar *tar, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(tar->error, sizeof tar->error, format, args);
  va_end(args);
  return -1;
}

/* Exactly so many bytes. */
int tar_get(struct tar *tar, void *to, size_t n) {
  for (size_t at = 0; at < n;) {
    const unsigned char *from;
    long got = stream_next(tar->stream, &from, n - at);
    if (got <= 0) return tar_spoilt(tar, "%s", stream_error(tar->stream));
    memcpy((char *)to + at, from, (size_t)got);
    at += (size_t)got;
  }
  return 0;
}

int tar_skip(struct tar *tar, uint64_t n) {
  while (n > 0) {
    const unsigned char *from;
    long got = stream_next(tar->stream, &from, n < SIZE_MAX ? (size_t)n : SIZE_MAX);
    if (got <= 0) return tar_spoilt(tar, "%s", stream_error(tar->stream));
    n -= (uint64_t)got;
  }
  return 0;
}

uint64_t tar_padding(uint64_t size) { return (TAR_RECORD - size % TAR_RECORD) % TAR_RECORD; }

/*
 * Octal digits, or where the highest bit is set a number of base 256 (GNU, star). What does not
 * fit is the largest or the least number, which nothing accepts.
 */
int64_t tar_number(const unsigned char *field, unsigned n) {
  if (field[0] & 0x80) {
    bool negative = (field[0] & 0x40) != 0;
    int64_t value = negative ? (int64_t)(field[0] & 0x3f) - 64 : field[0] & 0x3f;
    for (unsigned i = 1; i < n; i++) {
      if (__builtin_mul_overflow(value, 256, &value) || __builtin_add_overflow(value, field[i], &value))
        return negative ? INT64_MIN : INT64_MAX;
    }
    return value;
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

static char *long_data(struct tar *tar, struct said *said, int64_t size) {
  if (size < 0 || (said->length += (uint64_t)size) > LONGEST) {
    tar_spoilt(tar, "an entry's extended headers of %llu bytes are too long", (unsigned long long)said->length);
    return NULL;
  }
  char *text = calloc(1, (size_t)size + 1);
  if (!text || tar_get(tar, text, (size_t)size) != 0 || tar_skip(tar, tar_padding((uint64_t)size)) != 0) {
    free(text);
    return NULL;
  }
  return text;
}

static int check_sum(const unsigned char *head) {
  unsigned sum = 0;
  int with_sign = 0;
  for (unsigned i = 0; i < TAR_RECORD; i++) {
    unsigned char c = i >= 148 && i < 156 ? ' ' : head[i];
    sum += c;
    with_sign += (signed char)c;
  }
  int64_t wanted = tar_number(head + 148, 8);
  return wanted == (int64_t)sum || wanted == with_sign;
}

static bool all_zero(const unsigned char *head) {
  for (unsigned i = 0; i < TAR_RECORD; i++)
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
  entry->mode = (mode_t)tar_number(head + 100, 8) & 07777;
  entry->uid = tar_number(head + 108, 8);
  entry->gid = tar_number(head + 116, 8);
  entry->mtime.tv_sec = tar_number(head + 136, 12);
  entry->type = (char)head[156];
  if (entry->type == 0 || entry->type == '7') entry->type = '0';
  entry->major = tar_number(head + 329, 8);
  entry->minor = tar_number(head + 337, 8);
}

static int finish(struct tar *tar, struct entry *entry, struct said *said, const unsigned char *head, int64_t size) {
  if (size < 0) return tar_spoilt(tar, "%s has a length below zero", entry->name);
  /* What has no data says so by its type; its size field may say anything. */
  if (strchr("123456", entry->type)) size = 0;
  entry->left = entry->size = (uint64_t)size;
  tar->padding = tar_padding(entry->left);
  if (entry->type == 'S') {
    entry->type = '0';
    return sparse_old(tar, entry, head) == 0 ? 1 : -1;
  }
  if (entry->type == '0' && (said->real || said->nextents || said->major))
    return sparse_said(tar, entry, said) == 0 ? 1 : -1;
  size_t length = strlen(entry->name);
  /* Before POSIX a directory was a file whose name ends in a slash. */
  if (entry->type == '0' && length > 0 && entry->name[length - 1] == '/' && entry->size == 0) entry->type = '5';
  return 1;
}

void tar_free(struct entry *entry) {
  free(entry->name);
  free(entry->link);
  free(entry->extents);
  tar_free_xattrs(entry->xattrs);
  *entry = (struct entry){0};
}

/* Headers up to that of an entry. */
static int headers(struct tar *tar, struct entry *entry, struct said *said) {
  unsigned char head[TAR_RECORD];
  for (;;) {
    const unsigned char *from;
    long got = stream_next(tar->stream, &from, TAR_RECORD);
    if (got == 0) return 0; /* some writers leave the end's two records out */
    if (got < 0) return tar_spoilt(tar, "%s", stream_error(tar->stream));
    memcpy(head, from, (size_t)got);
    if (got < TAR_RECORD && tar_get(tar, head + got, TAR_RECORD - (size_t)got) != 0) return -1;
    if (all_zero(head)) return 0;
    if (!check_sum(head)) return tar_spoilt(tar, "this is not a tar archive, or a spoilt one: a header's checksum is wrong");
    int64_t size = said->size ? said->size_is : tar_number(head + 124, 12);
    char type = (char)head[156];
    if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
      char *text = long_data(tar, said, tar_number(head + 124, 12));
      if (!text) return -1;
      int rc = 0;
      /* What is said of all that follow (type g) is left out, as Docker and umoci do: `git archive` puts a comment there. */
      if (type == 'x') rc = pax_records(tar, said, text, (size_t)tar_number(head + 124, 12));
      if (type == 'L') replace(&said->path, strdup(text));
      if (type == 'K') replace(&said->link, strdup(text));
      free(text);
      if (rc != 0) return -1;
      continue;
    }
    if (type == 'V') { /* a volume's label */
      if (size < 0 || tar_skip(tar, (uint64_t)size + tar_padding((uint64_t)size)) != 0) return tar_spoilt(tar, "a label is spoilt");
      continue;
    }
    from_header(entry, head);
    pax_said(entry, said);
    return finish(tar, entry, said, head, size);
  }
}

int tar_next(struct tar *tar, struct entry *entry) {
  *entry = (struct entry){0};
  struct said said = {0};
  int rc = headers(tar, entry, &said);
  pax_free(&said);
  if (rc <= 0) tar_free(entry);
  return rc;
}

long tar_data(struct tar *tar, struct entry *entry, const unsigned char **from) {
  if (entry->left == 0) {
    uint64_t rest = tar->padding;
    tar->padding = 0;
    return tar_skip(tar, rest);
  }
  long got = stream_next(tar->stream, from, entry->left < SIZE_MAX ? (size_t)entry->left : SIZE_MAX);
  if (got <= 0) return tar_spoilt(tar, "%s", stream_error(tar->stream));
  entry->left -= (uint64_t)got;
  return got;
}
