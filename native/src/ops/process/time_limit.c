/*
 * time_limit: a command, and all that it has started in its group, is ended after a time. SIGTERM comes first, with
 * SIGCONT for those that are stopped, as timeout(1) sends them. What is left after the grace is killed: the command by
 * its supervisor, the rest with the group, which whoever emits this step has killed at the end.
 */
#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "arena.h"
#include "args.h"
#include "cgroup_members.h"
#include "end_words.h"
#include "io.h"
#include "ops.h"
#include "plan.h"
#include "run.h"
#include "time_limit.h"

/* That a group is empty, no descriptor tells on both versions; so there is a look now and then. */
#define LOOK_MS 20

static struct {
  enum { NO_LIMIT, NOT_BEGUN, RUNS, ENDING, OVER } stage;
  uint64_t length, grace, until; /* ns */
  char *group, *says;
} limit;

static char *copy(const char *text) { return strcpy(arena(strlen(text) + 1), text); }

int op_time_limit(struct run *run, const struct step *step) {
  limit.group = copy(arg_text(run, step, 0));
  limit.length = (uint64_t)arg_int(run, step, 1) * 1000000;
  limit.grace = (uint64_t)arg_int(run, step, 2) * 1000000;
  limit.says = copy(arg_text(run, step, 3));
  limit.stage = NOT_BEGUN;
  return 0;
}

void time_limit_forget(void) { limit.stage = NO_LIMIT; }

void time_limit_begin(void) {
  if (limit.stage != NOT_BEGUN) return;
  limit.stage = RUNS;
  limit.until = now_ns() + limit.length;
}

int time_limit_wait(int ms) {
  if (limit.stage != RUNS && limit.stage != ENDING) return ms;
  uint64_t now = now_ns(), left = now >= limit.until ? 0 : (limit.until - now + 999999) / 1000000;
  uint64_t most = ms >= 0 ? (uint64_t)ms : limit.stage == ENDING ? LOOK_MS : INT32_MAX;
  return (int)(left < most ? left : most);
}

int time_limit_due(void) {
  if ((limit.stage != RUNS && limit.stage != ENDING) || now_ns() < limit.until) return 0;
  if (limit.stage == ENDING) {
    limit.stage = OVER;
    return SIGKILL;
  }
  limit.stage = ENDING;
  limit.until = now_ns() + limit.grace;
  return SIGTERM;
}

void time_limit_tell_others(pid_t pid) {
  char *const groups[] = {limit.group, NULL};
  /* One of another user's may refuse a signal; killing what is left says so. */
  (void)groups_signal(groups, SIGTERM, pid);
  (void)groups_signal(groups, SIGCONT, pid);
}

bool time_limit_left(void) { return limit.stage == ENDING && group_has_others(limit.group); }

bool time_limit_reached(struct run *run) {
  if (limit.stage != ENDING && limit.stage != OVER) return false;
  end_words(run, END_LIMIT, limit.says, NULL);
  return true;
}
