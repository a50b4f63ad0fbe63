/* The caller's limits, where the launcher's own business would fall under them. */
#ifndef CTR_OWN_LIMITS_H
#define CTR_OWN_LIMITS_H

/* Raise what would stop us from writing our memfds and starting the planner. */
void limits_lift(void);
/* The same as the caller gave them. */
void limits_restore(void);
/* In the planner's process before its exec: system calls alone. */
void limits_of_planner(void);
/* A hint for a planner that was killed, or "". */
const char *limits_too_low(void);

#endif
