/* Signals that would end a process which has something to undo. */
#ifndef CTR_GUARD_H
#define CTR_GUARD_H

#include "run.h"

/* guard_caught (io.h) tells of the signal that came. */
void guard_begin(struct run *run);
/* The same, and forgotten, with who sent it (si_code). For when signals are blocked. */
int guard_take(int *code);
/* In a cloned child: back to the dispositions that the caller gave. */
void guard_forget(void);

/* Whether the caller ignores SIGCHLD, which the launcher itself must not. Restored before exec. */
extern bool sigchld_was_ignored;

#endif
