/*
 * The planner's engine: QuickJS, with a heap that begins as an image, and functions by which the planner asks
 * the machine (README.md has their contract). It runs in a process that does nothing else: what it allocates
 * stays until the process ends.
 */
#ifndef CTR_ENGINE_H
#define CTR_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

/* What reads JSON nested 1,000 deep takes 3 MB of stack. */
#define PLANNER_STACK ((size_t)6 << 20)

struct engine_request {
  const char *name;     /* the tool's, which begins the engine's own messages */
  const char *bundle;   /* the planner's source, NUL-terminated; NULL: it is in the image */
  size_t length;        /* of the source, without the NUL */
  size_t heap_bytes;    /* the most that the heap may become */
  size_t stack_bytes;   /* the most that the stack may become; no more than RLIMIT_STACK's hard limit allows */
  unsigned cpu_seconds; /* the most processor time that it may take; 0: no limit */
};

/*
 * Everything up to the planner's first step: limits, memory, and the planner itself, which is evaluated from its
 * source or mapped from the image in the open file `program`, which must be the running program's own. After it a
 * filter may take away every system call that README.md does not name. 0, or 125 with a line on stderr.
 */
int engine_begin(const struct engine_request *request, int program);

/*
 * Then run `globalThis.main()` and what it awaits; its exit code, which is the number that it returned. 125, with
 * a line on stderr, where the planner fails: an error that it does not catch, no memory or stack left, too
 * much time. Where memory or time end, the process ends there and then, with 125 too.
 */
int engine_run(void);

/* Evaluate a bundle in a new heap, which is then ready to become an image. 0, or 125 with a line on stderr. */
int engine_prepare(const struct engine_request *request);

/* --- image.c */

/*
 * Map the image in the open file, which must be the running program's. Whether it is damaged is for trailer_check to
 * say. 0, or -1 with a sentence in *why. No more is read from the file after that.
 */
int image_map(int fd, const char **why);

/* --- make_image.c: when the launcher is built */

/*
 * `--make-image BUNDLE CORE OUT`, `--check-image [FILE]`, and what they start; argv[1] is the flag. The exit code, or
 * -1 where it is none of these.
 */
int engine_command(int argc, char **argv);

#endif
