/*
 * A plan used again. Whoever runs a bundle a second time in the same way, or applies a tool so, gets
 * the plan of the first time: the same words, variables, descriptors and place (the request, less PIDs), the same
 * launcher and planner, and a machine that answers every question of the planner's as it did
 * (op_seen.c). Where any of that is otherwise, the planner is asked as ever. Nothing is decided here.
 *
 * A file in `.plans` of the state root: the plan, then its key, the digest of the request, which so
 * stands nowhere. There are never more than a handful, for its name is one of a few.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "layer.h"
#include "ops.h"

enum { WAYS = 8, MOST = 1 << 20, IDENTITY = 512 };

static const char directory_name[] = ".plans";

static void make_key(char key[KEY_LENGTH + 1], int argc, char **argv) {
  uid_t owner;
  char identity[IDENTITY];
  size_t length;
  struct sha256 sha;
  const char *launcher = own_path(&owner);
  planner_identity(launcher, identity, sizeof identity);
  const char *request = request_key(argc, argv, launcher, identity, &length);
  sha256_begin(&sha);
  sha256_add(&sha, request, length);
  sha256_end(&sha, key);
}

/*
 * A file's name: the key's first digit, and which of a few it is. Plans whose keys begin alike so do
 * not drive one another out, and the oldest of them makes room.
 */
static void name_of(const char *key, unsigned way, char name[3]) { snprintf(name, 3, "%c%u", key[0], way % WAYS); }

/* Whether what is kept there, ours and nobody else's to write, is kept under this key; its size. */
static bool is_of(int fd, const char *key, off_t *size) {
  char end[KEY_LENGTH];
  *size = own_size(fd, S_IFREG);
  return *size >= PLAN_HEADER + KEY_LENGTH && *size <= MOST &&
         pread(fd, end, KEY_LENGTH, *size - KEY_LENGTH) == KEY_LENGTH && memcmp(end, key, KEY_LENGTH) == 0;
}

static int open_way(int directory, const char *key, unsigned way) {
  char name[3];
  name_of(key, way, name);
  return openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

/* What is kept under this key, or -1. */
static int open_kept(const char *root, const char *key) {
  char path[PATH_MAX];
  off_t size;
  if (snprintf(path, sizeof path, "%s/%s", root, directory_name) >= (int)sizeof path) return -1;
  int directory = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), found = -1;
  if (directory < 0) return -1;
  bool ours = own_size(directory, S_IFDIR) >= 0;
  for (unsigned way = 0; ours && found < 0 && way < WAYS; way++) {
    int fd = open_way(directory, key, way);
    if (fd >= 0 && is_of(fd, key, &size)) found = fd;
    else if (fd >= 0) close(fd);
  }
  close(directory);
  return found;
}

/* The plan in it, or NULL. It came here by rename: nobody changes it. */
static void *plan_in(int fd, const char *key, size_t *length) {
  off_t size;
  if (!is_of(fd, key, &size)) return NULL;
  char *bytes = arena((size_t)size + 8);
  bytes += -(uintptr_t)bytes & 7; /* a plan lies aligned */
  if (pread(fd, bytes, (size_t)size, 0) != size) return NULL;
  *length = plan_announced(bytes);
  return *length >= PLAN_HEADER && *length + KEY_LENGTH == (size_t)size ? bytes : NULL;
}

static bool begin(struct run *run, struct plan *plan, void *bytes, size_t length) {
  const char *why;
  if (plan_decode(bytes, length, plan, &why) < 0) return false;
  run_begin(run, plan);
  run->again = true;
  return true;
}

/* Where the plan for these words may be: of ctr-run a run's alone, behind flags as engines give them. */
static const char *root_of(bool runtime, int argc, char **argv) {
  static struct kept_words words;
  int at = 0;
  if (runtime && (!kept_globals(&words, argc, argv, &at) || strcmp(argv[at], "run") != 0)) return NULL;
  return kept_root(&words);
}

static _Noreturn void carry_out(struct run *run, const struct start *start) {
  const struct plan *plan = run->plan;
  run->start = start;
  run->started_ns = start->started_ns;
  run_plan(run, plan->log && plan->log_format ? cell_text(run, plan->log) : NULL, plan->log_format);
}

void again_try(struct start *start, bool runtime, int argc, char **argv, char **whole) {
  static struct run run;
  static struct plan plan;
  const char *root = root_of(runtime, argc, argv);
  if (!root) return;
  make_key(start->key, argc, argv);
  int fd = open_kept(root, start->key);
  size_t length;
  void *bytes = fd >= 0 ? plan_in(fd, start->key, &length) : NULL;
  if (bytes && begin(&run, &plan, bytes, length) && guards_hold(&run)) {
    hold_stdio();
    start->plan = high_fd(fd);
    if (wants_seal(&plan)) seal(start, whole);
    close(start->plan);
    carry_out(&run, start);
  }
  if (fd >= 0) close(fd);
}

void again_run(struct start *start) {
  static struct run run;
  static struct plan plan;
  char header[PLAN_HEADER];
  size_t length = 0;
  if (pread(start->plan, header, sizeof header, 0) == sizeof header) length = plan_announced(header);
  char *bytes = length >= PLAN_HEADER && length <= MOST ? arena(length + 8) : NULL;
  if (bytes) bytes += -(uintptr_t)bytes & 7;
  if (!bytes || pread(start->plan, bytes, length, 0) != (ssize_t)length || !begin(&run, &plan, bytes, length))
    die(125, "the plan that was kept cannot be read");
  close(start->plan);
  while (run.guarded < plan.nsteps && plan.steps[run.guarded].guard) run.guarded++;
  carry_out(&run, start);
}

/* Where a plan of this key goes: where one of it is, else where nothing is, else for the oldest. */
static unsigned way_for(int directory, const char *key) {
  unsigned best = 0;
  struct timespec oldest = {0, 0};
  for (unsigned way = 0; way < WAYS; way++) {
    struct stat st;
    off_t size;
    int fd = open_way(directory, key, way);
    if (fd < 0 || fstat(fd, &st) < 0) st.st_mtim = (struct timespec){-1, 0};
    bool same = fd >= 0 && is_of(fd, key, &size);
    if (fd >= 0) close(fd);
    if (same) return way;
    bool older = st.st_mtim.tv_sec < oldest.tv_sec ||
                 (st.st_mtim.tv_sec == oldest.tv_sec && st.st_mtim.tv_nsec < oldest.tv_nsec);
    if (way > 0 && !older) continue;
    oldest = st.st_mtim;
    best = way;
  }
  return best;
}

/* Whole or not at all: beside its place, then renamed into it. */
static int write_kept(int directory, const char *key, const struct plan *plan) {
  char name[3], beside[32];
  name_of(key, way_for(directory, key), name);
  snprintf(beside, sizeof beside, ".%s.%d", name, getpid());
  int fd = openat(directory, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return -errno;
  ssize_t result = write_all(fd, plan->base, plan->total);
  if (result == 0) result = write_all(fd, key, KEY_LENGTH);
  close(fd);
  if (result == 0 && renameat(directory, beside, directory, name) < 0) result = -errno;
  if (result < 0) unlinkat(directory, beside, 0);
  return (int)result;
}

/* The directory, and the state root above it, which has the mode that ctr-run gives it. */
static int make_plans(const char *path) {
  char root[PATH_MAX];
  const char *slash = strrchr(path, '/');
  snprintf(root, sizeof root, "%.*s", slash ? (int)(slash - path) : 0, path);
  if (*root && mkdir(root, 0711) < 0 && errno != EEXIST) return -errno;
  return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int op_keep_plan(struct run *run, const struct step *step) {
  const char *path = arg_text(run, step, 0);
  if (run->again) return 0;
  if (run->plan->total > MOST - KEY_LENGTH) return -E2BIG;
  if (!run->start || strlen(run->start->key) != KEY_LENGTH) return -ENOENT;
  int result = make_plans(path);
  if (result < 0) return result;
  int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) return -errno;
  limits_lift();
  result = own_size(directory, S_IFDIR) < 0 ? -EPERM : write_kept(directory, run->start->key, run->plan);
  limits_restore();
  close(directory);
  return result;
}
