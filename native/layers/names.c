/* A set of paths: open addressing, half full at most. */
#include "names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash(const char *text) { /* FNV-1a; a clash only costs a comparison */
  uint64_t h = 0xcbf29ce484222325u;
  for (; *text; text++) h = (h ^ (unsigned char)*text) * 0x100000001b3u;
  return h ^ h >> 29;
}

static char **find(const struct names *names, const char *path) {
  size_t at = hash(path) & (names->room - 1);
  while (names->slots[at] && strcmp(names->slots[at], path) != 0) at = (at + 1) & (names->room - 1);
  return names->slots + at;
}

bool names_has(const struct names *names, const char *path) { return names->room > 0 && *find(names, path); }

bool names_add(struct names *names, const char *path) {
  if (names->used * 2 >= names->room) {
    struct names more = {.room = names->room ? names->room * 2 : 1024, .used = names->used};
    more.slots = calloc(more.room, sizeof *more.slots);
    if (!more.slots) abort();
    for (size_t i = 0; i < names->room; i++)
      if (names->slots[i]) *find(&more, names->slots[i]) = names->slots[i];
    free(names->slots);
    *names = more;
  }
  char **slot = find(names, path);
  if (*slot) return false;
  *slot = strdup(path);
  if (!*slot) abort();
  names->used++;
  return true;
}

void names_free(struct names *names) {
  for (size_t i = 0; i < names->room; i++) free(names->slots[i]);
  free(names->slots);
  *names = (struct names){0};
}
