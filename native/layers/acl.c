/* Access control lists as text (SCHILY.acl.*, written by star, GNU tar --acls and libarchive). */
#include "tar_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* linux/posix_acl.h, linux/posix_acl_xattr.h */
enum { USER_OBJ = 1, USER = 2, GROUP_OBJ = 4, GROUP = 8, MASK = 16, OTHER = 32, VERSION = 2, MOST = 1024 };
#define NOBODY UINT32_MAX

struct one {
  unsigned tag, perm;
  uint32_t id;
};

static void put(unsigned char *to, uint32_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; i++) to[i] = (unsigned char)(value >> 8 * i);
}

/* The kernel takes them in this order only (posix_acl_valid). */
static int in_order(const void *a, const void *b) {
  const struct one *x = a, *y = b;
  if (x->tag != y->tag) return x->tag < y->tag ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

static bool is(const char *word, const char *long_form) {
  return strcmp(word, long_form) == 0 || (word[0] == long_form[0] && word[1] == 0);
}

static int permissions(const char *text, unsigned *perm) {
  *perm = 0;
  for (; *text; text++) {
    if (*text == 'r') *perm |= 4;
    else if (*text == 'w') *perm |= 2;
    else if (*text == 'x') *perm |= 1;
    else if (*text != '-') return -1;
  }
  return 0;
}

/* A decimal ID; -1 where it is none. */
static int id_of(const char *text, uint32_t *id) {
  char *end;
  unsigned long long value = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end || value >= NOBODY) return -1;
  *id = (uint32_t)value;
  return 0;
}

/* `TAG:WHO:rwx[:ID]`, which is taken apart. */
static int one_entry(char *text, struct one *one, char *words, size_t room) {
  char *fields[4] = {text, "", "", ""};
  unsigned n = 1;
  for (char *colon = text; n < 4 && (colon = strchr(colon, ':')); n++) {
    *colon = 0;
    fields[n] = ++colon;
  }
  if (n < 3 && is(fields[0], "mask") + is(fields[0], "other") > 0) fields[2] = fields[1], fields[1] = (char *)"";
  bool user = is(fields[0], "user"), group = is(fields[0], "group");
  one->id = NOBODY;
  if (!user && !group && !is(fields[0], "mask") && !is(fields[0], "other")) {
    snprintf(words, room, "it has an entry for \"%.40s\"", fields[0]);
    return -1;
  }
  if (permissions(fields[2], &one->perm) != 0) {
    snprintf(words, room, "there are no permissions \"%.40s\"", fields[2]);
    return -1;
  }
  bool named = *fields[1] != 0;
  one->tag = user ? (named ? USER : USER_OBJ) : group ? (named ? GROUP : GROUP_OBJ) : is(fields[0], "mask") ? MASK : OTHER;
  if (!named || (!user && !group)) return 0;
  /* A name alone means nothing here: this machine's users are not the image's. */
  if (id_of(*fields[3] ? fields[3] : fields[1], &one->id) == 0) return 0;
  snprintf(words, room, "it names the %s %.40s without a number", fields[0][0] == 'u' ? "user" : "group", fields[1]);
  return -1;
}

/* Where users or groups are named, a mask has to be there: what all of them may at most (acl(5)). */
static void add_mask(struct one *all, unsigned *n) {
  unsigned perm = 0;
  bool named = false;
  for (unsigned i = 0; i < *n; i++) {
    if (all[i].tag == MASK) return;
    named |= all[i].tag == USER || all[i].tag == GROUP;
    if (all[i].tag & (USER | GROUP_OBJ | GROUP)) perm |= all[i].perm;
  }
  if (named) all[(*n)++] = (struct one){MASK, perm, NOBODY};
}

long acl_from_text(const char *text, unsigned char **value, char *words, size_t room) {
  struct one *all = calloc(MOST + 1, sizeof *all);
  char *copy = strdup(text), *rest = copy, *entry;
  unsigned n = 0;
  int rc = all && copy ? 0 : -1;
  if (rc != 0) snprintf(words, room, "no memory");
  while (rc == 0 && (entry = strsep(&rest, ",\n"))) {
    entry[strcspn(entry, "#")] = 0; /* `#effective:r--` */
    entry += strspn(entry, " \t");
    entry[strcspn(entry, " \t")] = 0;
    if (!*entry) continue;
    if (n == MOST) snprintf(words, room, "it has too many entries"), rc = -1;
    else rc = one_entry(entry, all + n++, words, room);
  }
  size_t length = 0;
  *value = NULL;
  if (rc == 0) {
    add_mask(all, &n);
    qsort(all, n, sizeof *all, in_order);
    length = 4 + 8 * (size_t)n;
    *value = malloc(length);
    if (!*value) snprintf(words, room, "no memory"), rc = -1;
  }
  if (rc == 0) {
    put(*value, VERSION, 4);
    for (unsigned i = 0; i < n; i++) {
      put(*value + 4 + 8 * i, all[i].tag, 2);
      put(*value + 6 + 8 * i, all[i].perm, 2);
      put(*value + 8 + 8 * i, all[i].id, 4);
    }
  }
  free(all);
  free(copy);
  return rc == 0 ? (long)length : -1;
}
