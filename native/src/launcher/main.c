/*
 * The launcher: starts the planner, becomes a sealed copy of itself where a container is made (waits_for_plan), and
 * carries out the plan in its own process. docs/architecture.md says how the parts fit.
 *
 *   TOOL ARG...                      under the name of a tool
 *   ctr-launcher TOOL ARG...         the same, under its own
 *   ctr-launcher --plan FILE         carry out a stored plan, without a planner
 *   ctr-launcher --check FILE        say whether it is one
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "args.h"
#include "gen/tools.h"
#include "guard.h"
#include "io.h"
#include "ops.h"
#include "own_file.h"
#include "own_limits.h"
#include "plan.h"
#include "planner.h"
#include "report.h"
#include "run.h"
#include "seal.h"
#include "start.h"

/* Ignoring SIGCHLD would have the kernel reap our children before we can ask how they ended. */
static void want_sigchld(void) {
  struct sigaction action;
  if (sigaction(SIGCHLD, NULL, &action) != 0 || action.sa_handler != SIG_IGN) return;
  sigchld_was_ignored = true;
  action.sa_handler = SIG_DFL;
  sigaction(SIGCHLD, &action, NULL);
}

static const char *base(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* A stored plan as a file that can be read again after sealing. */
static int open_plan(const char *path) {
  int fd = strcmp(path, "-") == 0 ? fcntl(0, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) < 0) die(125, "open the plan %s: %s", path, strerror(errno));
  if (S_ISREG(st.st_mode)) return high_fd(fd);
  int copy = (int)syscall(SYS_memfd_create, "plan", 1u);
  char buffer[4096];
  for (ssize_t n; copy >= 0 && (n = read(fd, buffer, sizeof buffer)) != 0;)
    if (n < 0 || write_all(copy, buffer, (size_t)n) < 0) die(125, "read the plan %s: %s", path, strerror(errno));
  if (copy < 0) die(125, "read the plan %s: %s", path, strerror(errno));
  close(fd);
  return high_fd(copy);
}

static void *stored_plan(int fd, size_t *length) {
  struct stat st;
  if (fstat(fd, &st) < 0) die(125, "read the plan: %s", strerror(errno));
  *length = (size_t)st.st_size;
  if (*length < PLAN_HEADER || *length > 64 << 20) die(125, "the plan cannot be used: it is none");
  char *plan = mmap(NULL, *length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (plan == MAP_FAILED) die(125, "read the plan: %s", strerror(errno));
  for (size_t at = 0; at < *length;) {
    ssize_t n = pread(fd, plan + at, *length - at, (off_t)at);
    if (n <= 0) die(125, "read the plan: %s", n < 0 ? strerror(errno) : "it became shorter");
    at += (size_t)n;
  }
  return plan;
}

static void decode(void *bytes, size_t length, struct plan *plan) {
  const char *why;
  if (plan_decode(bytes, length, plan, &why) < 0) die(125, "the plan cannot be used: %s", why);
}

static _Noreturn void carry_out(struct start *start, void *bytes, size_t length) {
  static struct run run;
  static struct plan plan;
  decode(bytes, length, &plan);
  run_begin(&run, &plan);
  run.start = start;
  run.planner = start->socket;
  run.planner_pid = start->planner;
  run.started_ns = start->started_ns;
  if (!(plan.flags & PLAN_STAY)) planner_end(&run);
  stdio_restore(start);
  run_plan(&run, plan.log && plan.log_format ? cell_text(&run, plan.log) : NULL, plan.log_format);
}

/*
 * A tool that mostly sets its own process up and becomes the command is sealed only where its plan asks for it;
 * any other at once, while the planner thinks (packages/cli/src/tool-names.ts).
 */
static bool waits_for_plan(void) {
  static const char *const tools[] = BECOMES_COMMAND;
  for (unsigned i = 0; i < sizeof tools / sizeof *tools; i++)
    if (strcmp(tool_name, tools[i]) == 0) return true;
  return false;
}

/* The same plan for the sealed copy. */
static int kept_plan(const void *bytes, size_t length) {
  limits_lift();
  int fd = (int)syscall(SYS_memfd_create, "plan", 1u);
  if (fd < 0 || write_all(fd, bytes, length) < 0) die(125, "hand the plan to the sealed launcher: %s", strerror(errno));
  limits_restore();
  return high_fd(fd);
}

static _Noreturn void with_planner(struct start *start, int argc, char **argv, bool copy) {
  size_t length;
  if (copy && start->plan >= 0) {
    void *bytes = stored_plan(start->plan, &length);
    close(start->plan);
    carry_out(start, bytes, length);
  }
  if (!copy) planner_start(start, argc - 1, argv + 1);
  if (!copy && !waits_for_plan()) seal(start, argv);
  void *bytes = planner_plan(start, &length, argc - 1, argv + 1);
  if (!copy && waits_for_plan()) {
    struct plan plan;
    decode(bytes, length, &plan);
    if (wants_seal(&plan)) {
      start->plan = kept_plan(bytes, length);
      seal(start, argv);
    }
  }
  carry_out(start, bytes, length);
}

static _Noreturn void with_stored(struct start *start, char **argv, const char *path, bool copy) {
  /* A plan that is still to come is waited for by the copy: that is then all that is left to do. */
  if (!copy && strcmp(path, "-") == 0) {
    look_for_launcher(&start->own);
    seal(start, argv);
  }
  if (start->plan < 0) start->plan = open_plan(path);
  size_t length;
  void *bytes = stored_plan(start->plan, &length);
  struct plan plan;
  decode(bytes, length, &plan);
  if (!copy) look_for_launcher(&start->own);
  if (!copy && wants_seal(&plan)) seal(start, argv);
  close(start->plan);
  carry_out(start, bytes, length);
}

static _Noreturn void check(const char *path) {
  size_t length;
  int fd = open_plan(path);
  void *bytes = stored_plan(fd, &length);
  struct plan plan;
  decode(bytes, length, &plan);
  (void)write_all(1, "OK\n", 3);
  _exit(0);
}

static _Noreturn void usage(void) {
  die(125, "usage: ctr-launcher TOOL [ARG...] | --plan FILE | --check FILE");
}

int main(int argc, char **argv) {
  struct start start = {.started_ns = now_ns(), .socket = -1, .plan = -1, .stdio = {-1, -1, -1}, .whole = -1, .installed = ""};
  if (argc < 1) usage();
  bool copy = sealed(&start, &argc, &argv);
  if (!copy) (void)whole(&start, &argc, &argv);
  char **whole = argv;
  tool_name = base(argv[0]);
  bool own = strcmp(tool_name, "ctr-launcher") == 0;
  if (own && argc < 2) usage();
  if (!copy) want_sigchld();
  if (own && argv[1][0] == '-') {
    hold_stdio();
    int code = build_command ? build_command(argc, argv) : -1;
    if (code >= 0) return code;
    if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "--") != 0)) usage();
    if (strcmp(argv[1], "--check") == 0) check(argv[2]);
    if (strcmp(argv[1], "--plan") == 0) with_stored(&start, whole, argv[2], copy);
    usage();
  }
  if (own) {
    argv++;
    argc--;
    tool_name = base(argv[0]);
  }
  if (copy) hold_stdio();
  with_planner(&start, argc, argv, copy);
}
