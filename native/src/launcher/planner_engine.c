/*
 * The planner on the engine that is linked into the launcher: in a fork of it, which can only ask. Before
 * it reads a byte that somebody else wrote, a filter takes every call from it by which it could change
 * anything (scripts/gen-planner-filter.ts); it may write to what it was given open.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../engine/engine.h"
#include "../../engine/trailer.h"
#include "gen/planner_filter.h"
#include "planner.h"
#include "report.h"

/* What a planner may use at most. A config.json of 10 MB takes some 150 MB and 3 seconds. */
enum { HEAP_MIB = 512, CPU_SECONDS = 60 };

static void only_ask(void) {
  static struct sock_filter code[] = PLANNER_FILTER;
  static const struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
    die(125, "load the planner's system call filter: %s", strerror(errno));
}

/* What a planner holds is another's: the caller's variables, a container's. */
static void no_core(void) {
  static const struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
}

void planner_engine_run(int fd) {
  struct engine_request request = {.name = tool_name,
                                   .heap_bytes = (size_t)HEAP_MIB << 20,
                                   .stack_bytes = PLANNER_STACK,
                                   .cpu_seconds = CPU_SECONDS};
  if (fd < 0) die(125, "open the launcher's own file: %s", strerror(-fd));
  no_core();
  int code = engine_begin(&request, fd);
  close(fd);
  if (code != 0) _exit(code);
  only_ask();
  _exit(engine_run());
}

void launcher_check(int fd) {
  struct trailer trailer;
  const char *why;
  if (fd < 0 || trailer_read(fd, trailer_own_build(), &trailer, &why) < 0) return; /* for the planner to say */
  if (trailer_check(fd, &trailer, false, &why) < 0)
    die(125, "this program's file cannot be used: %s; build it (pnpm build) or install the package again", why);
  close(fd);
}

bool launcher_core(int fd, off_t *at, off_t *size) {
  struct trailer trailer;
  const char *why;
  if (trailer_read(fd, trailer_own_build(), &trailer, &why) < 0) return false;
  *at = (off_t)trailer.core_at;
  *size = (off_t)trailer.core_bytes;
  return true;
}

int build_command(int argc, char **argv) { return engine_command(argc, argv); }
