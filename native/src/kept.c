/*
 * What an engine asks of every container: `state`, `start`, `kill`, `delete`. Whoever makes a
 * container keeps the plans for them beside its state (packages/ctr-run/src/container/kept.ts), and
 * such a plan is carried out without any planner. Each begins with guards; where one does not hold,
 * or the words are not these few, the planner is asked as ever. Nothing is decided here.
 *
 * The file `plans`: `CTRKEPT1 PID START\n`, then for each plan `LENGTH ACT\n` and the plan.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core.h"
#include "gen/state_root.h"
#include "ops.h"

enum { MAX_FILE = 1 << 20 };

/* What op_told tells. */
static struct kept_words said;
static int64_t kept_pid, kept_start;

/* `--NAME VALUE` or `--NAME=VALUE` at argv[*at]; the value, with *at behind it, or NULL. */
static const char *value_of(const char *name, int argc, char **argv, int *at) {
  size_t length = strlen(name);
  const char *word = argv[*at];
  if (strncmp(word, "--", 2) != 0 || strncmp(word + 2, name, length) != 0) return NULL;
  if (word[2 + length] == '=') {
    (*at)++;
    return word + 3 + length;
  }
  if (word[2 + length] != 0 || *at + 1 >= argc) return NULL;
  *at += 2;
  return argv[*at - 1];
}

bool kept_globals(struct kept_words *words, int argc, char **argv, int *at) {
  words->log_format = LOG_TEXT;
  while (*at < argc && argv[*at][0] == '-') {
    const char *value;
    if ((value = value_of("root", argc, argv, at))) {
      words->root = value;
    } else if ((value = value_of("log", argc, argv, at))) {
      words->log = value;
    } else if ((value = value_of("log-format", argc, argv, at))) {
      words->log_format = strcmp(value, "json") == 0 ? LOG_JSON : strcmp(value, "text") == 0 ? LOG_TEXT : 0;
      if (!words->log_format) return false;
    } else if (strcmp(argv[*at], "--systemd-cgroup") == 0) {
      (*at)++;
    } else {
      return false;
    }
  }
  return *at < argc;
}

static bool whole_number(const char *text, long least, long most, int64_t *number) {
  char *end;
  if (*text < '0' || *text > '9' || strlen(text) > 9) return false;
  long value = strtol(text, &end, 10);
  *number = value;
  return *end == 0 && value >= least && value <= most;
}

/* A signal by its number or by the names that signal_name knows, with SIG or without. */
static bool read_signal(const char *text, int64_t *number) {
  if (whole_number(text, 1, 64, number)) return true;
  for (int signal = 1; signal < 32; signal++) {
    const char *name = signal_name(signal);
    if (strcmp(name, text) != 0 && (strncmp(name, "SIG", 3) != 0 || strcmp(name + 3, text) != 0)) continue;
    *number = signal;
    return true;
  }
  return false;
}

static bool read_words(struct kept_words *words, int argc, char **argv) {
  int at = 0;
  if (!kept_globals(words, argc, argv, &at)) return false;
  const char *act = argv[at++];
  bool kill = strcmp(act, "kill") == 0, delete = strcmp(act, "delete") == 0;
  if (!kill && !delete && strcmp(act, "state") != 0 && strcmp(act, "start") != 0) return false;
  words->act = act;
  if (delete && at < argc && (strcmp(argv[at], "--force") == 0 || strcmp(argv[at], "-f") == 0)) {
    words->act = "delete --force";
    at++;
  }
  if (at >= argc) return false;
  words->id = argv[at++];
  if (words->id[0] == '-' || words->id[0] == '.' || words->id[0] == 0 || strchr(words->id, '/')) return false;
  if (kill) {
    words->number = SIGTERM; /* if nobody says */
    if (at < argc && !read_signal(argv[at++], &words->number)) return false;
  }
  return at == argc;
}

off_t own_size(int fd, mode_t type) {
  struct stat st;
  if (fd < 0 || fstat(fd, &st) < 0 || (st.st_mode & S_IFMT) != type) return -1;
  return st.st_uid == geteuid() && !(st.st_mode & 022) ? st.st_size : -1;
}

/*
 * Without --root: packages/cli/src/state-root.ts has the whole rule. Of root with a user's directory
 * only the planner knows whether it is that user's own, in a namespace.
 */
static const char *default_root(void) {
  static char own[PATH_MAX];
  const char *named = getenv(STATE_ROOT_VARIABLE), *runtime = getenv("XDG_RUNTIME_DIR"), *user = getenv("USER");
  bool personal = runtime && *runtime;
  if (named && *named) return named;
  if (geteuid() == 0) return !personal || (user && strcmp(user, "root") == 0) ? STATE_ROOT : NULL;
  return personal && snprintf(own, sizeof own, "%s/ctr-run", runtime) < (int)sizeof own ? own : NULL;
}

const char *kept_root(const struct kept_words *words) { return words->root ? words->root : default_root(); }

/* The file whole, NUL behind it; NULL where there is none. */
static char *read_kept(const struct kept_words *words, size_t *length) {
  char path[PATH_MAX];
  const char *root = kept_root(words);
  if (!root || snprintf(path, sizeof path, "%s/%s", root, words->id) >= (int)sizeof path) return NULL;
  int directory = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) return NULL;
  int fd = -1;
  if (own_size(directory, S_IFDIR) >= 0) fd = openat(directory, "plans", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  close(directory);
  /* It came here by rename, and nobody changes it: one read(2) has it whole. */
  off_t size = own_size(fd, S_IFREG);
  char *bytes = size > 0 && size <= MAX_FILE ? arena((size_t)size + 1) : NULL;
  if (bytes && read(fd, bytes, (size_t)size) != size) bytes = NULL;
  if (fd >= 0) close(fd);
  if (!bytes) return NULL;
  bytes[size] = 0;
  *length = (size_t)size;
  return bytes;
}

/* The end of the line at `at`, or NULL. */
static char *line_end(char *at, char *end) { return at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL; }

/* Carries the plan out, and comes back only if it is not for this moment. */
static void try_plan(const char *bytes, size_t length) {
  static struct run run;
  static struct plan plan;
  const char *why;
  char *copy = arena(length + 8);
  copy += -(uintptr_t)copy & 7; /* a plan lies aligned */
  memcpy(copy, bytes, length);
  if (plan_decode(copy, length, &plan, &why) < 0 || plan.nprocesses != 1) return;
  run_begin(&run, &plan);
  if (!guards_hold(&run)) return;
  run_plan(&run, said.log, said.log_format);
}

void kept_try(int argc, char **argv) {
  struct kept_words words = {0};
  size_t length;
  if (!read_words(&words, argc, argv)) return;
  char *bytes = read_kept(&words, &length);
  if (!bytes) return;
  char *end = bytes + length, *at = line_end(bytes, end);
  long long pid, start;
  if (!at || sscanf(bytes, "CTRKEPT1 %lld %lld\n", &pid, &start) != 2) return;
  hold_stdio();
  said = words;
  kept_pid = pid;
  kept_start = start;
  for (at++; at < end;) {
    char *name = line_end(at, end), *behind;
    if (!name) return;
    *name++ = 0;
    unsigned long size = strtoul(at, &behind, 10);
    if (*behind != ' ' || size > (size_t)(end - name)) return;
    if (strcmp(behind + 1, said.act) == 0) try_plan(name, size);
    at = name + size;
  }
}

int op_told(struct run *run, const struct step *step) {
  if (!said.act) return -EINVAL;
  out_int(run, step, 0, kept_pid);
  out_int(run, step, 1, kept_start);
  out_int(run, step, 2, said.number);
  return 0;
}
