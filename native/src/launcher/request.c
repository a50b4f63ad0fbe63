/* What the planner is told of the process that it plans for: docs/architecture.md, Request. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io.h"
#include "own_limits.h"
#include "report.h"
#include "request.h"

#ifndef MFD_NOEXEC_SEAL /* Linux 6.3 */
#define MFD_NOEXEC_SEAL 8u
#endif

struct buffer {
  char *bytes;
  size_t length, room;
};

static void put(struct buffer *b, const char *text, size_t length) {
  if (b->length + length > b->room) {
    b->room = (b->length + length) * 2 + 4096;
    b->bytes = realloc(b->bytes, b->room);
    if (!b->bytes) die(125, "out of memory");
  }
  memcpy(b->bytes + b->length, text, length);
  b->length += length;
}

static void put_field(struct buffer *b, const char *text) { put(b, text, strlen(text) + 1); }

static void put_list(struct buffer *b, char **list, int count) {
  char number[16];
  snprintf(number, sizeof number, "%d", count);
  put_field(b, number);
  for (int i = 0; i < count; i++) put_field(b, list[i]);
}

static int by_number(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

/* The open descriptors as the caller gave them. */
static void put_descriptors(struct buffer *b) {
  DIR *directory = opendir("/proc/self/fd");
  int *fds = NULL, count = 0;
  for (struct dirent *e; directory && (e = readdir(directory));) {
    int fd = atoi(e->d_name);
    if (e->d_name[0] == '.' || fd == dirfd(directory) || fcntl(fd, F_GETFD) & FD_CLOEXEC) continue;
    if (count % 64 == 0) fds = realloc(fds, (size_t)(count + 64) * sizeof *fds);
    if (!fds) die(125, "out of memory");
    fds[count++] = fd;
  }
  if (directory) closedir(directory);
  if (count) qsort(fds, (size_t)count, sizeof *fds, by_number);
  for (int i = 0; i < count; i++) {
    char number[16];
    int n = snprintf(number, sizeof number, "%s%d", i ? " " : "", fds[i]);
    put(b, number, (size_t)n);
  }
  put(b, "", 1);
  free(fds);
}

static void put_process(struct buffer *b, pid_t pid, pid_t parent) {
  char text[128];
  snprintf(text, sizeof text, "%d %d %u %u %u %u", pid, parent, getuid(), geteuid(), getgid(), getegid());
  put_field(b, text);
  mode_t mask = umask(077);
  umask(mask);
  snprintf(text, sizeof text, "%o", mask);
  put_field(b, text);
}

static void put_terminals(struct buffer *b) {
  char text[32];
  struct winsize size = {24, 80, 0, 0};
  snprintf(text, sizeof text, "%d%d%d", isatty(0), isatty(1), isatty(2));
  put_field(b, text);
  for (int fd = 2; fd >= 0; fd--) {
    struct winsize found;
    if (ioctl(fd, TIOCGWINSZ, &found) != 0 || found.ws_col == 0) continue;
    size = found;
    break;
  }
  snprintf(text, sizeof text, "%u %u", size.ws_col, size.ws_row);
  put_field(b, text);
}

static int nameless(void) {
  int fd = (int)syscall(SYS_memfd_create, "request", 1u | MFD_NOEXEC_SEAL);
  if (fd < 0 && errno == EINVAL) fd = (int)syscall(SYS_memfd_create, "request", 1u);
  if (fd < 0) die(125, "make the planner's request: %s%s", strerror(errno), limits_hint(errno));
  return fd;
}

/* The working directory, or nothing where it was removed or no path leads to it. */
static void put_directory(struct buffer *b) {
  char *path = getcwd(NULL, 0);
  put_field(b, path ? path : "");
  free(path);
}

/* Under which other numbers the planner finds descriptors of the caller's: `3:6 4:7`. */
static void put_named(struct buffer *b, const struct named *named) {
  char text[32];
  const char *space = "";
  for (unsigned i = 0; i < named->count; i++) {
    if (named->list[i].as == named->list[i].fd) continue;
    int n = snprintf(text, sizeof text, "%s%d:%d", space, named->list[i].fd, named->list[i].as);
    put(b, text, (size_t)n);
    space = " ";
  }
  put(b, "", 1);
}

static void put_all(struct buffer *b, const struct start *start, int argc, char **argv, char **env, int variables) {
  put_descriptors(b);
  put_terminals(b);
  put_field(b, start->own.path);
  put_list(b, argv, argc);
  put_list(b, env, variables);
  put_directory(b);
  put_field(b, start->installed);
}

int request_make(int argc, char **argv, const struct start *start, const struct named *named) {
  struct buffer b = {0};
  put_field(&b, "CTRREQ4");
  put_field(&b, tool_name);
  put_process(&b, getpid(), getppid());
  int count = 0;
  while (environ[count]) count++;
  put_all(&b, start, argc, argv, environ, count);
  put_named(&b, named);
  int fd = nameless();
  ssize_t result = write_all(fd, b.bytes, b.length);
  if (result < 0) die(125, "write the planner's request: %s", strerror((int)-result));
  lseek(fd, 0, SEEK_SET);
  free(b.bytes);
  return high_fd(fd);
}
