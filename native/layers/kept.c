/*
 * Whether a layer of the store is whole. A process that dies leaves it beside its place, for it
 * is renamed there at the end; but what a file system has not yet written when power fails may
 * be missing from what was renamed. Syncing each layer would cost as much as writing it does
 * (1 GB took a second more here, and on a slow disk many), so it says in which boot it was made
 * (`boot`), and is believed while that one lasts. A mount that finds it older than the kernel
 * keeps anything unwritten (dirty_expire_centisecs, 30 s, and a pass every 5) has the rest of
 * it written, which is little, and says so (`durable`); from then on it is believed for good.
 */
#include "kept.h"

#include "io.h"
#include "kernel.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

enum { SETTLED = 60 }; /* seconds */

static bool contents(const char *path, char text[64]) {
  int fd = (int)AGAIN(open(path, O_RDONLY | O_CLOEXEC));
  long n = fd < 0 ? fd : AGAIN(read(fd, text, 63));
  close_fd(fd);
  text[n > 0 ? n : 0] = 0;
  return n > 0;
}

static void in(char *path, const char *place, const char *name) { snprintf(path, PATH_MAX + 16, "%s/%s", place, name); }

static int write_file(const char *path, const char *text) {
  int fd = (int)AGAIN(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  int rc = fd < 0 ? fd : (int)write_all(fd, text, strlen(text));
  close_fd(fd);
  return rc;
}

static int sync_all(const char *place) {
  int fd = (int)AGAIN(open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  long rc = fd < 0 ? fd : AGAIN(syncfs(fd));
  close_fd(fd);
  return (int)rc;
}

bool layer_is_whole(const char *place) {
  char path[PATH_MAX + 16], made[64], now[64];
  struct stat st;
  in(path, place, "durable");
  if (stat(path, &st) == 0) return true;
  in(path, place, "boot");
  return contents(path, made) && contents(BOOT_ID, now) && strcmp(made, now) == 0;
}

int layer_made_whole(const char *place) {
  char path[PATH_MAX + 16], now[64];
  in(path, place, "boot");
  if (contents(BOOT_ID, now)) return write_file(path, now);
  /* Without procfs nobody knows one boot from another. */
  int rc = sync_all(place);
  in(path, place, "durable");
  return rc < 0 ? rc : write_file(path, "");
}

void layers_make_durable(const char *const *places, unsigned n) {
  struct timespec now;
  bool synced = false;
  clock_gettime(CLOCK_REALTIME, &now);
  for (unsigned i = 0; i < n; i++) {
    char path[PATH_MAX + 16];
    struct stat st;
    in(path, places[i], "durable");
    if (stat(path, &st) == 0) continue;
    in(path, places[i], "boot");
    if (stat(path, &st) != 0 || now.tv_sec - st.st_mtim.tv_sec < SETTLED) continue;
    /* One call for all: they are on one file system. */
    if (!synced && sync_all(places[i]) < 0) return;
    synced = true;
    in(path, places[i], "durable");
    (void)write_file(path, ""); /* a store that is not ours to write only stays believed for this boot */
  }
}
