/* Operations on files by the process's own paths, one system call each or little more. */
#include "args.h"
#include "enumerations.h"
#include "io.h"
#include "kernel.h"
#include "ops.h"
#include "own_file.h"
#include "plan.h"
#include "proc.h"
#include "run.h"
#include "signals.h"
#include "tree.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

/* The plan says the whole mode: the caller's umask is for the caller's files. */
#define WITHOUT_UMASK(call)       \
  __extension__({                 \
    mode_t old_ = umask(0);       \
    long result_ = AGAIN(call);   \
    umask(old_);                  \
    (int)result_;                 \
  })

int op_open(struct run *run, const struct step *step) {
  int flags = (int)arg_int(run, step, 1);
  mode_t mode = (mode_t)arg_int(run, step, 2);
  int fd = above_stdio((int)AGAIN(open(arg_text(run, step, 0), flags | O_CLOEXEC, mode)));
  if (fd < 0) return fd;
  out_int(run, step, 3, fd);
  return 0;
}

/* These files take what one write(2) gives them, or nothing. */
static int write_once(int fd, const void *data, size_t length) {
  long n = AGAIN(write(fd, data, length));
  if (n < 0) return (int)n;
  return (size_t)n == length ? 0 : -EIO;
}

static int write_and_close(long fd, const void *data, size_t length) {
  if (fd < 0) return (int)fd;
  int rc = write_once((int)fd, data, length);
  if (close((int)fd) != 0 && rc == 0) rc = -errno;
  return rc;
}

int op_write(struct run *run, const struct step *step) {
  size_t length;
  const void *data = arg_blob(run, step, 1, &length);
  return write_and_close(AGAIN(open(arg_text(run, step, 0), O_WRONLY | O_CLOEXEC | O_NOCTTY)), data, length);
}

int op_proc_write(struct run *run, const struct step *step) {
  size_t length;
  const void *data = arg_blob(run, step, 1, &length);
  const char *path = arg_text(run, step, 0);
  int fd = open_proc(path, O_WRONLY);
  if (fd == -EXDEV) detail(run, "/proc/%s is not the kernel's own for this PID namespace: something else is mounted there", path);
  return write_and_close(fd, data, length);
}

int op_write_fd(struct run *run, const struct step *step) {
  size_t length;
  const void *data = arg_blob(run, step, 1, &length);
  sigset_t broken, old;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE); /* a FIFO that nobody reads any more is a failure, not our end */
  signal_mask(SIG_BLOCK, &broken, &old);
  int rc = (int)write_all(arg_fd(run, step, 0), data, length);
  if (rc == -EPIPE) sigtimedwait(&broken, NULL, &(struct timespec){0, 0});
  signal_mask(SIG_SETMASK, &old, NULL);
  return rc;
}

int op_mkdir(struct run *run, const struct step *step) {
  return WITHOUT_UMASK(mkdir(arg_text(run, step, 0), (mode_t)arg_int(run, step, 1)));
}

int op_mkdirs(struct run *run, const struct step *step) {
  const char *path = arg_text(run, step, 0);
  mode_t mode = (mode_t)arg_int(run, step, 1);
  char *part = strdup(path);
  if (!part) return -ENOMEM;
  /* Mostly all is there but the last; EEXIST of a file shows when something is made below it. */
  int rc = WITHOUT_UMASK(mkdir(path, mode));
  for (char *at = part + 1; rc == -ENOENT && *at; at++) {
    if (*at != '/') continue;
    *at = '\0';
    int made = WITHOUT_UMASK(mkdir(part, mode));
    *at = '/';
    /* EROFS and EACCES come before EEXIST on some filesystems: only the last component's counts. */
    if (made != 0 && made != -EEXIST && made != -EROFS && made != -EACCES) {
      free(part);
      return made;
    }
  }
  free(part);
  if (rc == -ENOENT) rc = WITHOUT_UMASK(mkdir(path, mode));
  struct stat st;
  if (rc == -EEXIST || rc == -EROFS || rc == -EACCES) {
    if (stat(path, &st) != 0) return rc;
    return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
  }
  return rc;
}

static int remove_directory(const char *path) {
  const struct timespec pause = {.tv_nsec = 2000000};
  uint64_t until = now_ns() + 1000000000;
  long rc;
  while ((rc = AGAIN(rmdir(path))) == -EBUSY && now_ns() < until) nanosleep(&pause, NULL);
  return rc == -ENOENT ? 0 : (int)rc;
}

/* What somebody has written into meanwhile is theirs. */
static int remove_empty(const char *path) {
  struct stat st;
  if (lstat(path, &st) != 0) return errno == ENOENT ? 0 : -errno;
  return S_ISREG(st.st_mode) && st.st_size == 0 ? (int)AGAIN(unlink(path)) : 0;
}

/* A group says EBUSY while something is in it (cgroups(7)). */
static int remove_vacant(const char *path) {
  long rc = AGAIN(rmdir(path));
  return rc == -EBUSY || rc == -ENOTEMPTY || rc == -ENOENT ? 0 : (int)rc;
}

int op_remove(struct run *run, const struct step *step) {
  const char *path = arg_text(run, step, 0);
  switch ((enum removal)arg_int(run, step, 1)) {
    case REMOVAL_FILE: return (int)AGAIN(unlink(path));
    case REMOVAL_DIRECTORY: return remove_directory(path);
    case REMOVAL_TREE: return remove_tree(run->detail, path);
    case REMOVAL_EMPTY: return remove_empty(path);
    case REMOVAL_VACANT: return remove_vacant(path);
    case REMOVAL_RECORD:
      if (!run->undoing_failed) return remove_tree(run->detail, path);
      detail(run, "it stays, for it says what else is still to be removed");
      return -E_DETAIL;
  }
  return -EINVAL;
}

int op_write_file(struct run *run, const struct step *step) {
  const char *path = arg_text(run, step, 0);
  size_t length;
  const void *data = arg_blob(run, step, 1, &length);
  const char *slash = strrchr(path, '/');
  int directory = slash ? (int)(slash - path) + 1 : 0;
  char beside[PATH_MAX];
  int n = snprintf(beside, sizeof beside, "%.*s.%s.XXXXXX", directory, path, path + directory);
  if (n >= (int)sizeof beside) return -ENAMETOOLONG;
  long fd = AGAIN(mkostemp(beside, O_CLOEXEC));
  if (fd < 0) return (int)fd;
  int rc = (int)write_all((int)fd, data, length);
  if (rc == 0) rc = (int)AGAIN(fchmod((int)fd, (mode_t)arg_int(run, step, 2)));
  if (close((int)fd) != 0 && rc == 0) rc = -errno;
  if (rc == 0) rc = (int)AGAIN(rename(beside, path));
  if (rc != 0) unlink(beside);
  return rc;
}

int op_chown(struct run *run, const struct step *step) {
  uid_t uid;
  gid_t gid;
  if (arg_id(run, step, 1, true, &uid) < 0 || arg_id(run, step, 2, true, &gid) < 0) return -EINVAL;
  return (int)AGAIN(chown(arg_text(run, step, 0), uid, gid));
}

int op_rename(struct run *run, const struct step *step) {
  return (int)AGAIN(rename(arg_text(run, step, 0), arg_text(run, step, 1)));
}

int op_close(struct run *run, const struct step *step) {
  int fd = arg_fd(run, step, 0);
  /* Linux gives the descriptor up whatever close(2) answers. */
  if (fd >= 0 && close(fd) != 0 && errno == EBADF) return -EBADF;
  return 0;
}

int op_mkfifo(struct run *run, const struct step *step) {
  return WITHOUT_UMASK(mkfifo(arg_text(run, step, 0), (mode_t)arg_int(run, step, 1)));
}

int op_mkdtemp(struct run *run, const struct step *step) {
  char path[PATH_MAX];
  int n = snprintf(path, sizeof path, "%sXXXXXX", arg_text(run, step, 0));
  if (n >= (int)sizeof path) return -ENAMETOOLONG;
  if (!mkdtemp(path)) return -errno;
  int rc = out_text(run, step, 1, path, (size_t)n);
  if (rc < 0) rmdir(path);
  return rc;
}

int op_lock(struct run *run, const struct step *step) {
  int how = arg_int(run, step, 1) == SHARING_SHARED ? LOCK_SH : LOCK_EX;
  return (int)AGAIN(flock(arg_fd(run, step, 0), how));
}

int op_read_file(struct run *run, const struct step *step) {
  static char text[MAX_SLOT_TEXT + 1];
  ssize_t n = read_beginning(arg_text(run, step, 0), text, sizeof text);
  if (n < 0) return (int)n;
  size_t length = (size_t)n;
  if (length > MAX_SLOT_TEXT) return -EFBIG;
  if (length > 0 && text[length - 1] == '\n') length--;
  if (memchr(text, '\0', length)) return -EILSEQ;
  return out_text(run, step, 1, text, length);
}
