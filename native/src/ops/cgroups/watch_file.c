/*
 * watch_file: the counters of a group that may be gone before its last words are said: systemd
 * removes a scope's as soon as it is empty. Files like memory.events wake who polls them
 * (cgroup-v2.rst, "a file modified event"); what they say then is kept. What came after our last look
 * is still to be had from the group above, where everything below is counted as well.
 */
#include <poll.h>
#include <string.h>

#include "arena.h"
#include "args.h"
#include "cgroup_counts.h"
#include "io.h"
#include "kernel.h"
#include "ops.h"
#include "plan.h"
#include "proc.h"
#include "run.h"
#include "watch_file.h"

enum { ROOM = 4096 };

static struct watched {
  const char *path, *peak, *limit, *above; /* the others are only read with path */
  int fd;
  uint64_t looked_ns;
  char text[ROOM], peak_text[64], limit_text[64], above_text[ROOM];
} *watched[MAX_WATCHED];
static unsigned count;

/*
 * The kernel tells changes of one file 10 ms apart (CGROUP_FILE_NOTIFY_MIN_INTV, kernel/cgroup/cgroup.c), and
 * what follows the first at once, as the kill does when there is no memory left, would be told when the
 * group is gone. So after a change we look again by ourselves, every millisecond until the next is told.
 */
enum { LOOKS = 10 };
static unsigned looks; /* that are still to come */

/* False where the group is gone: what was kept stays. */
static bool read_again(int fd, char *text, size_t size) {
  long n = AGAIN(pread(fd, text, size - 1, 0));
  if (n > 0) text[n] = 0;
  return n > 0;
}

static void read_path(const char *path, char *text, size_t size) {
  ssize_t n = read_beginning(path, text, size - 1);
  if (n > 0) text[n] = 0;
}

static void look_again(struct watched *w) {
  char above[ROOM] = "", then[ROOM];
  read_path(w->above, above, sizeof above);
  for (unsigned tries = 0; tries < 3; tries++) {
    if (!read_again(w->fd, w->text, sizeof w->text)) return;
    read_path(w->peak, w->peak_text, sizeof w->peak_text);
    read_path(w->limit, w->limit_text, sizeof w->limit_text);
    /* Of one moment: nothing happened between the two. */
    strcpy(then, above);
    read_path(w->above, above, sizeof above);
    if (strcmp(then, above) == 0) break;
  }
  strcpy(w->above_text, above);
  w->looked_ns = now_ns();
}

/* Without the file nothing is told at the end, which is not a failure. */
int op_watch_file(struct run *run, const struct step *step) {
  if (count == MAX_WATCHED) return 0;
  const char *path = arg_text(run, step, 0);
  int fd = high_fd((int)AGAIN(open(path, O_RDONLY | O_CLOEXEC)));
  if (fd < 0) return 0;
  struct watched *w = arena(sizeof *w);
  *w = (struct watched){.path = path, .fd = fd};
  w->peak = arg_text(run, step, 1);
  w->limit = arg_text(run, step, 2);
  w->above = arg_text(run, step, 3);
  watched[count++] = w;
  look_again(w);
  return 0;
}

int watched_poll(struct pollfd *fds) {
  for (unsigned i = 0; i < count; i++) fds[i] = (struct pollfd){.fd = watched[i]->fd, .events = POLLPRI};
  return (int)count;
}

int watched_timeout(int ms) { return looks > 0 ? 1 : ms; }

void watched_look(void) {
  for (unsigned i = 0; i < count; i++)
    if (watched[i]->fd >= 0) look_again(watched[i]);
}

void watched_changed(const struct pollfd *fds) {
  bool changed = false;
  for (unsigned i = 0; i < count; i++) {
    if (!fds[i].revents || watched[i]->fd < 0) continue;
    changed = true;
    look_again(watched[i]);
    /* A group that is gone would wake us for ever. */
    struct pollfd again = {.fd = watched[i]->fd, .events = POLLPRI};
    if (poll(&again, 1, 0) > 0 && faccessat(AT_FDCWD, watched[i]->path, F_OK, 0) != 0) {
      close_fd(watched[i]->fd);
      watched[i]->fd = -1;
    }
  }
  if (!changed && looks > 0) watched_look();
  if (changed) looks = LOOKS;
  else if (looks > 0) looks--;
}

const char *watched_text(const char *path) {
  for (unsigned i = 0; i < count; i++) {
    if (strcmp(path, watched[i]->path) == 0) return watched[i]->text;
    if (strcmp(path, watched[i]->peak) == 0) return watched[i]->peak_text;
    if (strcmp(path, watched[i]->limit) == 0) return watched[i]->limit_text;
  }
  return NULL;
}

/* Others count above as well: what happened there since is taken for this group's only for so long. */
#define SOON_NS 500000000ULL

uint64_t watched_missed(const char *path, const char *key) {
  for (unsigned i = 0; i < count; i++) {
    struct watched *w = watched[i];
    uint64_t now, then;
    if (strcmp(path, w->path) != 0) continue;
    if (now_ns() - w->looked_ns > SOON_NS || faccessat(AT_FDCWD, path, F_OK, 0) == 0) return 0;
    if (!number_in(w->above, key, &now)) return 0;
    return number_of(w->above_text, key, &then) && now > then ? now - then : 0;
  }
  return 0;
}
