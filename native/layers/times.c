/*
 * Directories' times, and modes that would have locked us out: set when nothing is written into
 * them any more. Directories are known by what they are and not by their paths, of which a link
 * gives them several; of one directory what was said last counts.
 */
#include "layer.h"

#include <stdlib.h>
#include <string.h>

static size_t slot_of(const struct later_set *set, dev_t dev, ino_t ino) {
  size_t at = (size_t)((uint64_t)ino * 0x9e3779b97f4a7c15u ^ (uint64_t)dev) & (set->room - 1);
  for (; set->slots[at]; at = (at + 1) & (set->room - 1)) {
    const struct later *one = set->all + set->slots[at] - 1;
    if (one->ino == ino && one->dev == dev) break;
  }
  return at;
}

static void grow(struct later_set *set) {
  set->room = set->room ? set->room * 2 : 512;
  free(set->slots);
  set->slots = calloc(set->room, sizeof *set->slots);
  set->all = realloc(set->all, set->room / 2 * sizeof *set->all);
  if (!set->slots || !set->all) abort();
  for (size_t i = 0; i < set->n; i++) set->slots[slot_of(set, set->all[i].dev, set->all[i].ino)] = (uint32_t)i + 1;
}

/* The directory's own, added if it is not there; *is_new says so. NULL where it cannot be looked at. */
static struct later *of(struct later_set *set, const char *path, int fd, bool *is_new) {
  struct stat st;
  if (fstat(fd, &st) != 0) return NULL;
  if (set->n * 2 >= set->room) grow(set);
  size_t at = slot_of(set, st.st_dev, st.st_ino);
  *is_new = set->slots[at] == 0;
  if (*is_new) {
    set->slots[at] = (uint32_t)++set->n;
    set->all[set->n - 1] = (struct later){.dev = st.st_dev, .ino = st.st_ino, .path = strdup(path)};
    set->all[set->n - 1].times[0] = st.st_atim;
    set->all[set->n - 1].times[1] = st.st_mtim;
  }
  return set->all + set->slots[at] - 1;
}

void layer_keep_times(struct layer *layer, const char *path, int fd) {
  bool is_new;
  (void)of(&layer->later, path, fd, &is_new);
}

void layer_set_later(struct layer *layer, const char *path, int fd, const struct entry *entry) {
  bool is_new;
  struct later *one = of(&layer->later, path, fd, &is_new);
  if (!one) return;
  if (!is_new) { /* its number may be that of one that was removed */
    free(one->path);
    one->path = strdup(path);
  }
  one->times[0] = one->times[1] = entry->mtime;
  one->mode = entry->mode;
  one->set_mode = layer->squash;
}

int layer_do_later(struct layer *layer) {
  int rc = 0;
  /* Backwards: what lies in a directory comes before the mode that may lock us out of it. */
  for (size_t i = layer->later.n; i-- > 0;) {
    struct later *one = layer->later.all + i;
    struct stat st;
    int fd = rc == 0 ? layer_open(layer, one->path) : -1;
    /* The archive may have put something else there later. */
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == one->ino && st.st_dev == one->dev) {
      if (one->set_mode) (void)AGAIN(fchmod(fd, one->mode));
      long set = AGAIN(futimens(fd, one->times));
      if (set < 0) rc = layer_failed(layer, "set the times of", one->path, set);
    }
    close_fd(fd);
    free(one->path);
  }
  free(layer->later.all);
  free(layer->later.slots);
  layer->later = (struct later_set){0};
  return rc;
}
