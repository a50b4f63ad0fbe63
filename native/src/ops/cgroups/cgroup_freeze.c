/* cgroup_freeze: stopping and releasing a group (cgroup-v2.rst, cgroup.freeze; cgroup-v1/freezer-subsystem.rst). */
#include "args.h"
#include "io.h"
#include "kernel.h"
#include "plan.h"
#include "run.h"
#include "words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Between two looks. */
#define PAUSE_MS 2
/* After so many looks v1 thaws for a moment. */
#define ROUNDS 50

static long put(int group, const char *file, const char *text) {
  long fd = AGAIN(openat(group, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd < 0) return fd;
  long n = AGAIN(write((int)fd, text, strlen(text)));
  close_fd((int)fd);
  return n < 0 ? n : 0;
}

static long tell(int group, bool v1, bool on) {
  if (v1) return put(group, "freezer.state", on ? "FROZEN" : "THAWED");
  return put(group, "cgroup.freeze", on ? "1" : "0");
}

/* Whether it is as was told: 1, 0, or an error. FREEZING is neither. */
static long is_so(int group, bool v1, bool on) {
  char text[512];
  long fd = AGAIN(openat(group, v1 ? "freezer.state" : "cgroup.events", O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd < 0) return fd;
  long n = AGAIN(read((int)fd, text, sizeof text - 1));
  close_fd((int)fd);
  if (n < 0) return n;
  text[n] = '\0';
  if (v1) return strncmp(text, on ? "FROZEN" : "THAWED", 6) == 0;
  return strstr(text, on ? "frozen 1" : "frozen 0") != NULL;
}

static int freeze(struct run *run, int group, bool v1, bool on, uint64_t until) {
  long rc = tell(group, v1, on);
  for (unsigned round = 1; rc == 0 && (rc = is_so(group, v1, on)) == 0; round++) {
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
    if (now_ns() >= until) {
      if (on) (void)tell(group, v1, false);
      detail(run, on ? "some processes do not stop in time, so all go on" : "it is still frozen, by a group above it");
      return -E_DETAIL;
    }
    if (!v1 || !on) continue;
    /*
     * v1 counts who was asleep in vfork(2) or was born meanwhile as not frozen until it is told again; and who
     * comes anew all the time is caught sooner after a thaw (libcontainer does the same, fs/freezer.go).
     */
    if (round % ROUNDS == 0) (void)tell(group, v1, false);
    rc = tell(group, v1, true);
  }
  return rc < 0 ? (int)rc : 0;
}

int op_cgroup_freeze(struct run *run, const struct step *step) {
  long group = AGAIN(open(arg_text(run, step, 0), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (group < 0) return (int)group;
  bool v1 = faccessat((int)group, "freezer.state", F_OK, 0) == 0;
  uint64_t until = now_ns() + (uint64_t)arg_int(run, step, 2) * 1000000;
  int rc = freeze(run, (int)group, v1, arg_int(run, step, 1) != 0, until);
  close_fd((int)group);
  return rc;
}
