/*
 * The launcher's file, when it is whole: [program][zeros][image][core][trailer].
 *
 *   program   the launcher with the engine, as it was linked
 *   image     a heap of the engine's in which the planner is evaluated, at a page's border
 *   core      the launcher without the engine: a program of its own, from which containers run
 *   trailer   where all that is, in the last bytes of the file
 *
 * Numbers are in the processor's own order: a file is for one kind of processor alone.
 */
#ifndef CTR_TRAILER_H
#define CTR_TRAILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRAILER_MAGIC "CTRTOOLS"
#define TRAILER_VERSION 1u
#define TRAILER_BUILD 20u
#define TRAILER_RANGES 106u

/* Pages of the image, counted from its beginning. */
struct trailer_range {
  uint32_t first, count;
};

struct trailer {
  char magic[8];
  uint32_t version;
  uint32_t ranges;              /* how many of `written` are used */
  uint8_t build[TRAILER_BUILD]; /* the program's build ID (ld(1), --build-id) */
  uint32_t unused;
  uint64_t program_bytes;
  uint64_t image_at, image_bytes;
  uint64_t image_low; /* its address */
  uint64_t core_at, core_bytes;
  uint64_t program_sum, image_sum, core_sum; /* of the parts with the zeros behind them */
  struct trailer_range written[TRAILER_RANGES]; /* what a planner writes to, as far as is known */
  uint64_t sum;                                 /* of all before it, which is a multiple of 64 bytes */
};

/*
 * The trailer of an open file, checked against itself, the file's length and `build`, the running program's own
 * ID (NULL: any). 0, or -1 with a sentence in *why that can be told to a person.
 */
int trailer_read(int fd, const uint8_t *build, struct trailer *trailer, const char **why);

/* The build ID of the running program; NULL where it was linked without one. */
const uint8_t *trailer_own_build(void);

/*
 * Whether the image and the core, and the program if that is asked for, are as they were made: all of them is read, which takes a tenth of a millisecond a
 * megabyte. A planner that runs meanwhile is not held up by it. 0, or -1 with a sentence in *why.
 */
int trailer_check(int fd, const struct trailer *trailer, bool program, const char **why);

/* A sum that any changed bit changes; `bytes` is a multiple of 64, at an address that is a multiple of 8. */
uint64_t trailer_sum(const void *at, size_t bytes);

#endif
