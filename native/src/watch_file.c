/*
 * watch_file: the counters of a group that may be gone before its last words are said: systemd
 * removes a scope's as soon as it is empty. Files like memory.events wake who polls them
 * (cgroup-v2.rst, "a file modified event"); what they say then is kept.
 */
#include <poll.h>
#include <string.h>

#include "core.h"
#include "kernel.h"
#include "ops.h"

enum { ROOM = 4096 };

static struct watched {
  const char *path, *peak; /* of the group; peak is only read when path changes */
  int fd;
  char text[ROOM], peak_text[256];
} *watched[MAX_WATCHED];
static unsigned count;

static void read_again(int fd, char *text, size_t size) {
  long n = AGAIN(pread(fd, text, size - 1, 0));
  if (n > 0) text[n] = 0; /* the group is gone: what was kept stays */
}

static void look_again(struct watched *w) {
  read_again(w->fd, w->text, sizeof w->text);
  long fd = AGAIN(open(w->peak, O_RDONLY | O_CLOEXEC));
  if (fd < 0) return;
  read_again((int)fd, w->peak_text, sizeof w->peak_text);
  close_fd((int)fd);
}

/* Without the file nothing is told at the end, which is no failure. */
int op_watch_file(struct run *run, const struct step *step) {
  if (count == MAX_WATCHED) return 0;
  const char *path = arg_text(run, step, 0);
  int fd = high_fd((int)AGAIN(open(path, O_RDONLY | O_CLOEXEC)));
  if (fd < 0) return 0;
  struct watched *w = arena(sizeof *w);
  *w = (struct watched){.path = path, .peak = arg_text(run, step, 1), .fd = fd};
  watched[count++] = w;
  look_again(w);
  return 0;
}

int watched_poll(struct pollfd *fds) {
  for (unsigned i = 0; i < count; i++) fds[i] = (struct pollfd){.fd = watched[i]->fd, .events = POLLPRI};
  return (int)count;
}

void watched_changed(const struct pollfd *fds) {
  for (unsigned i = 0; i < count; i++) {
    if (!fds[i].revents || watched[i]->fd < 0) continue;
    look_again(watched[i]);
    /* A group that is gone would wake us for ever. */
    struct pollfd again = {.fd = watched[i]->fd, .events = POLLPRI};
    if (poll(&again, 1, 0) > 0 && faccessat(AT_FDCWD, watched[i]->path, F_OK, 0) != 0) {
      close_fd(watched[i]->fd);
      watched[i]->fd = -1;
    }
  }
}

const char *watched_text(const char *path) {
  for (unsigned i = 0; i < count; i++) {
    if (strcmp(path, watched[i]->path) == 0) return watched[i]->text;
    if (strcmp(path, watched[i]->peak) == 0) return watched[i]->peak_text;
  }
  return NULL;
}
