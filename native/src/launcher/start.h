/* What the launcher knows before there is a plan. */
#ifndef CTR_START_H
#define CTR_START_H

#include <stdint.h>

#include "own_file.h"

struct start { /* what the launcher knows before there is a plan; survives the sealing */
  uint64_t started_ns;
  pid_t planner; /* 0: none */
  int socket;    /* to the planner, or -1 */
  int plan;      /* a stored plan, or -1 */
  int stdio[3];  /* F_GETFL of 0, 1, 2 before the planner, or -1 */
  struct launcher_file own;
  /*
   * In a copy of the whole file that was made for a change of root (seal.h): that file, else -1; and the names of the
   * tools that lie beside the one that it was made from, with a space between.
   */
  int whole;
  const char *installed;
};

#endif
