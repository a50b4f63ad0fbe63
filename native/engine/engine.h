/*
 * The planner's engine: QuickJS, with a heap that can begin as an image, and functions by which the planner
 * asks the machine (README.md has their contract). It runs in a process that does nothing else: what it
 * allocates stays until the process ends.
 */
#ifndef CTR_ENGINE_H
#define CTR_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

struct engine_request {
  const char *name;     /* the tool's, which begins the engine's own messages */
  const char *bundle;   /* the planner's source, NUL-terminated; NULL: the image that engine_map has mapped */
  size_t length;        /* of the source, without the NUL */
  size_t heap_bytes;    /* the most that the heap may become */
  size_t stack_bytes;   /* the most that the stack may become; no more than RLIMIT_STACK's hard limit allows */
  unsigned cpu_seconds; /* the most processor time that it may take; 0: no limit */
};

/*
 * Run `globalThis.main()` and what it awaits; its exit code, which is the number that it returned. 125, with
 * a line on stderr, where the planner fails: an error that it does not catch, no memory or stack left, too
 * much time. Where memory or time end, the process ends there and then, with 125 too.
 */
int engine_run(const struct engine_request *request);

#endif
