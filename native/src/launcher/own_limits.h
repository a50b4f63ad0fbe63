/* The caller's limits, where the launcher's own business would fall under them. */
#ifndef CTR_OWN_LIMITS_H
#define CTR_OWN_LIMITS_H

#include <stdbool.h>

/* Raise what would stop us from writing our memfds and starting the planner. */
void limits_lift(void);
/* The same as the caller gave them. */
void limits_restore(void);
/* In the planner's process before its exec: system calls alone. */
void limits_of_planner(void);
/* Whether a process may open as many files as Node does before it runs a line; it aborts else. */
bool limits_allow_node(void);
/* What a person can do about a call that a limit refused, to follow its words; or "". */
const char *limits_hint(int error);
/* A hint for a planner that was killed, or "". */
const char *limits_too_low(void);

#endif
