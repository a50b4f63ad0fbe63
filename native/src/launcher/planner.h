/* The process that plans. */
#ifndef CTR_PLANNER_H
#define CTR_PLANNER_H

#include "run.h"
#include "start.h"

/* Start the planner of this launcher; fills planner, socket and stdio. */
void planner_start(struct start *start, int argc, char **argv);
/* Its plan in memory; a planner that asks for it is started again on Node. Without a plan, ends as the planner ended. */
void *planner_plan(struct start *start, size_t *length, int argc, char **argv);
/* Node and its words and environment. Ends with words where something is missing or not to be trusted. */
struct node {
  char *words[3];
  char **env;
};
void planner_node_find(const struct launcher_file *own, struct node *node);
/* In the planner's process: become it. */
_Noreturn void planner_node_run(const struct node *node);
/* In the planner's process: plan, on the engine of this file, the running program's (or -errno); it is closed. */
_Noreturn void planner_engine_run(int fd) __attribute__((weak));
/* Ends where a bit of the planner's image or of the core in this file, the running program's, has changed; closes it. */
void launcher_check(int fd) __attribute__((weak));
/* Where the launcher without the engine lies in this launcher's open file; false where it holds none. */
bool launcher_core(int fd, off_t *at, off_t *size) __attribute__((weak));
/* `--make-image`, `--check-image` (native/engine/engine.h); -1 where it is none of these. */
int build_command(int argc, char **argv) __attribute__((weak));
/* End the planner if it still lives, without waiting until its memory is given back. */
void planner_end(struct run *run);
/* The same, and wait: it is gone. */
void planner_dismiss(struct run *run);
/* O_NONBLOCK of 0, 1, 2 as they were. */
void stdio_restore(const struct start *start);

#endif
