/*
 * A line in a hosts(5) file that several containers have mounted: the file stays the same one, and whoever reads it meanwhile
 * finds each line whole or not at all. So a line goes by its first byte, which becomes the # of a comment, and a new one
 * takes the place of one that went, or is appended by one write(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "io.h"
#include "kernel.h"
#include "ops.h"
#include "plan.h"
#include "result_text.h"
#include "run.h"

enum { FILE_MAX = 1 << 20, LINE_MAX_ = 1024, ADDRESSES = 8 };

struct hosts {
  int fd;
  char *text;
  size_t length;
};

/* All of a file, with a NUL behind it. */
static int slurp(int fd, char **text, size_t *length) {
  struct stat st;
  if (fstat(fd, &st) < 0) return -errno;
  if (st.st_size > FILE_MAX) return -EFBIG;
  *text = calloc(1, (size_t)st.st_size + 1);
  if (!*text) return -ENOMEM;
  long n = AGAIN(pread(fd, *text, (size_t)st.st_size, 0));
  if (n < 0) {
    free(*text);
    *text = NULL;
    return (int)n;
  }
  *length = (size_t)n;
  return 0;
}

static bool ends_with_mark(const char *line, size_t length, const char *mark) {
  while (length > 0 && line[length - 1] == ' ') length--;
  size_t size = strlen(mark);
  return length > size + 2 && memcmp(line + length - size, mark, size) == 0 &&
         memcmp(line + length - size - 2, "# ", 2) == 0;
}

static int poke(int fd, const void *bytes, size_t length, size_t at) {
  long n = AGAIN(pwrite(fd, bytes, length, (off_t)at));
  return n < 0 ? (int)n : (size_t)n == length ? 0 : -EIO;
}

/* What every hosts file has; its mode is not the caller's umask's. */
static int begin(struct hosts *hosts) {
  static const char first[] = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  if (fchmod(hosts->fd, 0644) < 0) return -errno;
  int result = poke(hosts->fd, first, sizeof first - 1, 0);
  free(hosts->text);
  hosts->text = NULL;
  return result < 0 ? result : slurp(hosts->fd, &hosts->text, &hosts->length);
}

static int strike(struct hosts *hosts, const char *mark) {
  for (size_t at = 0; at < hosts->length;) {
    size_t length = strcspn(hosts->text + at, "\n");
    if (hosts->text[at] != '#' && ends_with_mark(hosts->text + at, length, mark)) {
      int result = poke(hosts->fd, "#", 1, at);
      if (result < 0) return result;
      hosts->text[at] = '#';
    }
    at += length + 1;
  }
  return 0;
}

/* In the place of a line of ours that went, or at the end. */
static int enter(struct hosts *hosts, const char *line) {
  size_t size = strlen(line); /* without its newline */
  for (size_t at = 0; at < hosts->length;) {
    size_t length = strcspn(hosts->text + at, "\n");
    if (hosts->text[at] == '#' && length >= size && length < LINE_MAX_ && strstr(hosts->text + at, "\t# ")) {
      char whole[LINE_MAX_];
      memset(whole, ' ', length);
      memcpy(whole, line, size);
      whole[0] = '#';
      int result = poke(hosts->fd, whole, length, at);
      memcpy(hosts->text + at, line, size);
      return result < 0 ? result : poke(hosts->fd, line, 1, at);
    }
    at += length + 1;
  }
  char whole[LINE_MAX_ + 2];
  int n = snprintf(whole, sizeof whole, "%s\n", line);
  int result = poke(hosts->fd, whole, (size_t)n, hosts->length);
  return result;
}

static int enter_all(struct hosts *hosts, const char *result, const char *names, const char *mark) {
  char address[80], line[LINE_MAX_];
  int rc = 0;
  for (unsigned i = 0; rc == 0 && i < ADDRESSES; i++) {
    result = json_text(result, "address", address, sizeof address);
    if (!result) break;
    address[strcspn(address, "/")] = 0;
    if (!*address || address[strspn(address, "0123456789abcdefABCDEF.:")]) continue;
    int n = snprintf(line, sizeof line, "%s\t%s\t# %s", address, names, mark);
    if (n >= (int)sizeof line) return -E2BIG;
    rc = enter(hosts, line);
    free(hosts->text);
    hosts->text = NULL;
    if (rc == 0) rc = slurp(hosts->fd, &hosts->text, &hosts->length);
  }
  return rc;
}

int op_hosts_entry(struct run *run, const struct step *step) {
  const char *path = arg_text(run, step, 0), *mark = arg_text(run, step, 1), *names = arg_text(run, step, 2);
  bool make = *names || !*mark;
  long fd = AGAIN(open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | (make ? O_CREAT : 0), 0644));
  if (fd == -ENOENT && !make) return 0;
  if (fd < 0) return (int)fd;
  struct hosts hosts = {.fd = (int)fd};
  char *result = NULL;
  size_t length;
  int rc = (int)AGAIN(flock((int)fd, LOCK_EX));
  if (rc == 0) rc = slurp((int)fd, &hosts.text, &hosts.length);
  if (rc == 0 && hosts.length == 0 && make) rc = begin(&hosts);
  if (rc == 0 && *mark) rc = strike(&hosts, mark);
  if (rc == 0 && *names) {
    long from = AGAIN(open(arg_text(run, step, 3), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    rc = from < 0 ? (int)from : slurp((int)from, &result, &length);
    if (from >= 0) close((int)from);
    if (rc == 0) rc = enter_all(&hosts, result, names, mark);
  }
  free(result);
  free(hosts.text);
  close((int)fd);
  return rc;
}
