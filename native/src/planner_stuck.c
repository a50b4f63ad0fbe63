/*
 * There was room for the planner's threads when it was started, but others fork too. Node does not
 * notice a worker that it was refused: it waits for it, for ever. What tells it from a planner that
 * thinks, or that watches for hours: it has fewer threads than every Node that has begun, it sleeps, and
 * it has used no CPU since we looked last.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core.h"
#include "gen/node_flags.h"

struct look {
  char state;
  int parent, threads;
  unsigned long long user, system;
};

/* proc_pid_stat(5): fields 3, 4, 14, 15 and 20; the second is a name in parentheses. */
static bool look_at(pid_t pid, struct look *look) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  ssize_t n = read_beginning(path, text, sizeof text - 1);
  if (n <= 0) return false;
  text[n] = 0;
  const char *rest = strrchr(text, ')');
  return rest && sscanf(rest + 1, " %c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu %*s %*s %*s %*s %d", &look->state,
                        &look->parent, &look->user, &look->system, &look->threads) == 5;
}

/* The standalone planner has threads of its own kind. */
static bool is_node(pid_t pid) {
  char path[64], exe[4096];
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  ssize_t n = readlink(path, exe, sizeof exe - 1);
  if (n < 5) return false;
  exe[n] = 0;
  return strcmp(exe + n - 5, "/node") == 0;
}

bool planner_stuck(pid_t pid, unsigned long long *cpu) {
  struct look look;
  unsigned long long before = *cpu;
  *cpu = 0;
  /* Another parent: /proc is of another PID namespace. */
  if (!look_at(pid, &look) || look.parent != getpid() || !is_node(pid)) return false;
  *cpu = look.user + look.system + 1;
  return look.state == 'S' && look.threads <= PLANNER_THREADS && *cpu == before;
}
