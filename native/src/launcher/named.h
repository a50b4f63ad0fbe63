/*
 * Descriptors of the caller's that its words name by a path, as bash's <(...) does: /dev/fd/N, /proc/self/fd/N and
 * /proc/thread-self/fd/N. The planner, in which /proc/self is itself, is given these and no other, to be read.
 */
#ifndef CTR_NAMED_H
#define CTR_NAMED_H

enum { MOST_NAMED = 32, PLANNERS_OWN = 6 }; /* 0 to 5 are the planner's own; one of these numbers is handed over as another */

struct named {
  unsigned count;
  struct {
    int fd, as;
  } list[MOST_NAMED];
};

/* Look through the words. Those that are to have another number are open under it then. */
void named_find(struct named *named, int argc, char **argv);
/* In the planner's process, before its own descriptors take their places: what could be written to no longer can be. */
void named_take(const struct named *named);
/* close(2) for all from `first` on but what is handed over. */
void named_close_others(const struct named *named, int first);
/* In the launcher, once the planner has them. */
void named_let_go(const struct named *named);

#endif
