/*
 * seen, absent: does the machine answer as it did when a plan was made? Each question of the planner's
 * (packages/cli/src/observe.ts) is asked again and its answer compared, byte for byte.
 *
 * The answers: for each u32 kind, u32 length of the path, u32 length of the answer, the path and a
 * NUL, the answer.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core.h"
#include "gen/seen.h"
#include "kernel.h"
#include "ops.h"

struct question {
  unsigned kind;
  const char *path;
  const char *answer;
  size_t length; /* of the answer */
};

static bool is(const struct question *q, const char *found, size_t length) {
  return length == q->length && memcmp(found, q->answer, length) == 0;
}

static bool is_text(const struct question *q, const char *found) { return is(q, found, strlen(found)); }

static bool same_content(const struct question *q) {
  char *bytes = arena(q->length + 1);
  ssize_t n = read_beginning(q->path, bytes, q->length + 1);
  return n >= 0 && is(q, bytes, (size_t)n);
}

static bool same_failure(const struct question *q) {
  char byte;
  ssize_t n = read_beginning(q->path, &byte, 1);
  return n < 0 && is_text(q, errno_name((int)-n));
}

/* `/proc/PID/stat` */
static bool same_start(const struct question *q) {
  int64_t ticks;
  char state, text[32];
  if (life_of(atoi(q->path + sizeof "/proc/" - 1), &ticks, &state) != 0 || state == 'Z' || state == 'X') return false;
  snprintf(text, sizeof text, "%lld", (long long)ticks);
  return is_text(q, text);
}

static bool same_population(const struct question *q) {
  char byte;
  ssize_t n = read_beginning(q->path, &byte, 1);
  return n >= 0 && is_text(q, n ? "1" : "0");
}

/* What a process hands on to those that it starts; all else changes by itself (proc_pid_status(5)). */
static bool is_lasting(const char *line) {
  static const char *const lasting[] = {"Umask:",  "Uid:",        "Gid:",     "Groups:",          "CapInh:",
                                        "CapPrm:", "CapEff:",     "CapBnd:",  "CapAmb:",          "NoNewPrivs:",
                                        "Seccomp:", "Seccomp_filters:", "Cpus_allowed:", "Mems_allowed:"};
  for (unsigned i = 0; i < sizeof lasting / sizeof *lasting; i++)
    if (strncmp(line, lasting[i], strlen(lasting[i])) == 0) return true;
  return false;
}

/* The next line at *at that lasts, and its length; NULL behind the last. */
static const char *next_lasting(const char **at, const char *end, size_t *length) {
  while (*at < end) {
    const char *line = *at, *newline = memchr(line, '\n', (size_t)(end - line));
    if (!newline) newline = end;
    *at = newline + 1;
    *length = (size_t)(newline - line);
    if (is_lasting(line)) return line;
  }
  return NULL;
}

static bool same_status(const struct question *q) {
  enum { ROOM = 8192 };
  char *bytes = arena(ROOM + 1);
  ssize_t n = read_beginning(q->path, bytes, ROOM);
  if (n < 0 || n == ROOM) return false;
  bytes[n] = 0;
  const char *now = bytes, *then = q->answer;
  for (;;) {
    size_t now_length, then_length;
    const char *a = next_lasting(&now, bytes + n, &now_length);
    const char *b = next_lasting(&then, q->answer + q->length, &then_length);
    if (!a || !b) return !a && !b;
    if (now_length != then_length || memcmp(a, b, now_length) != 0) return false;
  }
}

static bool same_stat(const struct question *q) {
  struct stat st;
  char text[256];
  int result = q->kind == SEEN_STAT ? stat(q->path, &st) : lstat(q->path, &st);
  if (result < 0) return q->length == 0 && (errno == ENOENT || errno == ENOTDIR);
  int n = snprintf(text, sizeof text, "%llu %llu %u %u %u %llu", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino, st.st_mode, st.st_uid, st.st_gid, (unsigned long long)st.st_rdev);
  if (S_ISREG(st.st_mode) && strncmp(q->path, "/proc/", sizeof "/proc/" - 1) != 0)
    snprintf(text + n, sizeof text - (size_t)n, " %lld %lld", (long long)st.st_size,
             (long long)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
  return is_text(q, text);
}

static bool same_access(const struct question *q) {
  char text[64];
  int mode = atoi(q->answer);
  int result = access(q->path, mode);
  snprintf(text, sizeof text, "%d %s", mode, result < 0 ? errno_name(errno) : "");
  return is_text(q, text);
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Whether an entry is among those that the question is about. */
static bool is_asked_for(const struct question *q, const struct dirent *e) {
  if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) return false;
  return q->kind != SEEN_GROUP_FILES || e->d_type != DT_DIR;
}

static bool same_names(const struct question *q, const char *path) {
  DIR *directory = opendir(path);
  if (!directory) return q->kind == SEEN_GROUP_FILES && q->length == 0;
  char **names = NULL;
  size_t count = 0, length = 0;
  for (struct dirent *e; (e = readdir(directory));) {
    if (!is_asked_for(q, e)) continue;
    if (count % 64 == 0) {
      char **more = arena((count + 64) * sizeof *more);
      if (count) memcpy(more, names, count * sizeof *more);
      names = more;
    }
    size_t size = strlen(e->d_name) + 2;
    char *name = names[count++] = arena(size), *at = name;
    if (q->kind == SEEN_ENTRIES) *at++ = e->d_type == DT_DIR ? 'd' : '-';
    strcpy(at, e->d_name);
    length += strlen(name) + 1;
  }
  closedir(directory);
  if (length != q->length) return false;
  if (count) qsort(names, count, sizeof *names, by_bytes);
  const char *answer = q->answer;
  for (size_t i = 0; i < count; i++) {
    size_t size = strlen(names[i]) + 1;
    if (memcmp(names[i], answer, size) != 0) return false;
    answer += size;
  }
  return true;
}

/* Of the first directory in it, or of itself. */
static bool same_group_files(const struct question *q) {
  char first[NAME_MAX + 1] = "", path[PATH_MAX];
  DIR *directory = opendir(q->path);
  for (struct dirent *e; directory && (e = readdir(directory));)
    if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
        (!*first || strcmp(e->d_name, first) < 0))
      snprintf(first, sizeof first, "%s", e->d_name);
  if (directory) closedir(directory);
  if (snprintf(path, sizeof path, "%s/%s", q->path, first) >= (int)sizeof path) return false;
  return same_names(q, *first ? path : q->path);
}

static bool same_link(const struct question *q) {
  char target[PATH_MAX];
  ssize_t n = readlink(q->path, target, sizeof target);
  return n >= 0 && is(q, target, (size_t)n);
}

static bool same_realpath(const struct question *q) {
  char resolved[PATH_MAX];
  return realpath(q->path, resolved) && is_text(q, resolved);
}

static bool same_filesystem(const struct question *q) {
  struct statfs st;
  char text[32];
  if (statfs(q->path, &st) < 0) return false;
  snprintf(text, sizeof text, "%lld", (long long)st.f_type);
  return is_text(q, text);
}

static bool own_proc(void) {
  char target[32];
  ssize_t n = readlink("/proc/self", target, sizeof target - 1);
  if (n <= 0) return false;
  target[n] = 0;
  return atoi(target) == getpid();
}

static bool same(const struct question *q) {
  switch (q->kind) {
    case SEEN_CONTENT: return same_content(q);
    case SEEN_UNREADABLE: return same_failure(q);
    case SEEN_STATUS: return same_status(q);
    case SEEN_STAT:
    case SEEN_LSTAT: return same_stat(q);
    case SEEN_ACCESS: return same_access(q);
    case SEEN_NAMES:
    case SEEN_ENTRIES: return same_names(q, q->path);
    case SEEN_GROUP_FILES: return same_group_files(q);
    case SEEN_LINK: return same_link(q);
    case SEEN_REALPATH: return same_realpath(q);
    case SEEN_FILESYSTEM: return same_filesystem(q);
    case SEEN_OWN_PROC: return own_proc();
    case SEEN_STARTED: return strlen(q->path) > sizeof "/proc/" && same_start(q);
    case SEEN_POPULATED: return same_population(q);
  }
  return false;
}

static uint32_t number_at(const char *bytes) {
  uint32_t number;
  memcpy(&number, bytes, sizeof number);
  return number;
}

/* The question at *at, which is then behind it; false where there is none whole. */
static bool next_question(const char **at, size_t *left, struct question *q) {
  enum { HEADER = 12 };
  if (*left < HEADER) return false;
  size_t path = number_at(*at + 4), answer = number_at(*at + 8);
  if (path >= *left || answer >= *left || HEADER + path + 1 + answer > *left) return false;
  *q = (struct question){number_at(*at), *at + HEADER, *at + HEADER + path + 1, answer};
  if (memchr(q->path, 0, path) || q->path[path] != 0) return false;
  *at += HEADER + path + 1 + answer;
  *left -= HEADER + path + 1 + answer;
  return true;
}

int op_absent(struct run *run, const struct step *step) {
  struct stat st;
  if (lstat(arg_text(run, step, 0), &st) == 0) return -EEXIST;
  return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

int op_seen(struct run *run, const struct step *step) {
  size_t left;
  const char *at = arg_blob(run, step, 0, &left);
  if (!run->again) return 0; /* it was looked at a moment ago */
  while (left > 0) {
    struct question q;
    if (!next_question(&at, &left, &q)) return -EINVAL;
    if (!same(&q)) {
      detail(run, "%s is not as it was", q.path);
      return -ESTALE;
    }
  }
  return 0;
}
