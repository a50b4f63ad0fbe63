/*
 * Overlays by mount(2), for kernels before 6.5 and for paths too long for fsconfig(2). All
 * options together have one page there. So the layers are opened, and named by their numbers
 * relative to /proc/self/fd: 500 of them fit, and there is nothing to escape.
 */
#include "overlay.h"
#include "rights.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define DATA "datadir+=" /* in one string these come behind the others: overlayfs.rst, "Data-only lower layers" */

struct option_text {
  char text[4096];
  size_t used;
  bool full;
};

static void add(struct option_text *w, const char *text) {
  size_t n = strlen(text);
  if (w->used + n >= sizeof w->text) w->full = true;
  else memcpy(w->text + w->used, text, n + 1), w->used += n;
}

static int add_directory(struct option_text *w, const char *before, const char *path) {
  char number[16];
  long fd = AGAIN(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) return (int)fd;
  snprintf(number, sizeof number, "%d", (int)fd);
  add(w, before);
  add(w, number);
  return 0;
}

static int options_of(const struct overlay *o, struct option_text *w) {
  int rc = 0;
  for (unsigned i = 0; rc == 0 && i < o->lowers; i++)
    rc = add_directory(w, i ? ":" : "lowerdir=", o->lower[i]);
  for (unsigned i = 0; rc == 0 && i < o->noptions; i++)
    if (strncmp(o->options[i], DATA, sizeof DATA - 1) == 0)
      rc = add_directory(w, "::", o->options[i] + sizeof DATA - 1);
  if (rc == 0 && *o->upper) rc = add_directory(w, ",upperdir=", o->upper);
  if (rc == 0 && *o->work) rc = add_directory(w, ",workdir=", o->work);
  for (unsigned i = 0; rc == 0 && i < o->noptions; i++) {
    if (strncmp(o->options[i], DATA, sizeof DATA - 1) == 0) continue;
    add(w, ",");
    add(w, o->options[i]);
  }
  return rc == 0 && w->full ? -E2BIG : rc;
}

/* In a child of its own: descriptors, working directory and perhaps the mount namespace are thrown away. */
static long make(const struct overlay *o, const char *target, bool detached) {
  struct option_text options = {.used = 0};
  if (detached) {
    long rc = AGAIN(unshare(CLONE_NEWNS));
    if (rc == 0) rc = AGAIN(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    if (rc < 0) return rc;
  }
  long rc = options_of(o, &options);
  if (rc == 0) rc = AGAIN(chdir("/proc/self/fd"));
  if (rc == 0) rc = AGAIN(mount("overlay", target, "overlay", 0, options.text));
  if (rc == 0 && detached) rc = sys_open_tree(AT_FDCWD, target, OPEN_TREE_CLONE);
  return rc;
}

/* The child's answer: -errno, or 0 and a descriptor for a detached mount. */
static void answer(int to, long result) {
  int error = result < 0 ? (int)result : 0;
  struct iovec bytes = {.iov_base = &error, .iov_len = sizeof error};
  int fd = (int)result;
  (void)send_rights(to, &bytes, 1, &fd, result > 0);
}

static int hear(int from, bool detached) {
  int error = -EIO, fd;
  struct iovec bytes = {.iov_base = &error, .iov_len = sizeof error};
  if (receive_right(from, &bytes, 1, 0, &fd) != (long)sizeof error) return -EIO;
  if (error < 0) return error;
  return detached ? (fd < 0 ? -EIO : fd) : 0;
}

int overlay_old(char *words, const struct overlay *o) {
  bool detached = !*o->target;
  int pair[2];
  /* A detached overlay is mounted over its own topmost layer, in a namespace that nobody else sees. */
  char *target = realpath(detached ? (o->lowers ? o->lower[0] : o->upper) : o->target, NULL);
  if (!target) return -errno;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    free(target);
    return -errno;
  }
  /* Without SIGCHLD: nobody but us is to hear of this child. */
  long child = KERNEL(SYS_clone, 0, 0, 0, 0, 0);
  if (child == 0) {
    answer(pair[1], make(o, target, detached));
    _exit(0);
  }
  close_fd(pair[1]);
  int rc = child < 0 ? (int)child : hear(pair[0], detached);
  close_fd(pair[0]);
  if (child > 0) (void)AGAIN(waitpid((pid_t)child, NULL, __WALL));
  if (rc == 0 && !detached) rc = (int)AGAIN(open(target, O_PATH | O_DIRECTORY | O_CLOEXEC));
  free(target);
  int mount = above_stdio(rc);
  rc = mount < 0 || !o->attr ? mount : mount_change(words, mount, o->attr, 0, 0, -1, false);
  if (rc < 0 && mount >= 0) {
    close_fd(mount);
    return rc;
  }
  return mount;
}
