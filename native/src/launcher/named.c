#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "descriptors.h"
#include "named.h"

static bool is_given(int fd) {
  int flags = fcntl(fd, F_GETFD);
  return flags >= 0 && !(flags & FD_CLOEXEC);
}

static void add(struct named *named, int fd) {
  if (fd < 3 || named->count == MOST_NAMED || !is_given(fd)) return;
  for (unsigned i = 0; i < named->count; i++)
    if (named->list[i].fd == fd) return;
  int as = fd < PLANNERS_OWN ? fcntl(fd, F_DUPFD_CLOEXEC, PLANNERS_OWN) : fd;
  if (as < 0) return; /* the planner then says that there is no such file */
  named->list[named->count].fd = fd;
  named->list[named->count++].as = as;
}

/* A number in decimal, or -1. */
static int number_at(const char *text) {
  char *end;
  errno = 0;
  long number = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : -1;
  return errno != 0 || number > INT_MAX ? -1 : (int)number;
}

void named_find(struct named *named, int argc, char **argv) {
  static const char *const directories[] = {"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/"};
  named->count = 0;
  for (int i = 0; i < argc; i++)
    for (unsigned d = 0; d < sizeof directories / sizeof *directories; d++)
      for (const char *at = argv[i]; (at = strstr(at, directories[d])) != NULL;) {
        at += strlen(directories[d]);
        add(named, number_at(at));
      }
}

void named_take(const struct named *named) {
  for (unsigned i = 0; i < named->count; i++) {
    int fd = named->list[i].as, flags = fcntl(fd, F_GETFL);
    if ((flags & O_ACCMODE) != O_RDONLY) {
      char path[32];
      snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
      int reading = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
      if (reading < 0 || dup2(reading, fd) < 0) close(fd);
      if (reading >= 0) close(reading);
    }
    fcntl(fd, F_SETFD, 0); /* Node is still to be executed */
  }
}

static int by_number(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

void named_close_others(const struct named *named, int first) {
  int fds[MOST_NAMED];
  for (unsigned i = 0; i < named->count; i++) fds[i] = named->list[i].as;
  qsort(fds, named->count, sizeof *fds, by_number);
  for (unsigned i = 0; i < named->count; i++) {
    close_between(first, fds[i] - 1);
    first = fds[i] + 1;
  }
  close_from(first);
}

void named_let_go(const struct named *named) {
  for (unsigned i = 0; i < named->count; i++)
    if (named->list[i].as != named->list[i].fd) close(named->list[i].as);
}
