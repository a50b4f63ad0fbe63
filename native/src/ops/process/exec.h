/* What comes before a command. */
#ifndef CTR_EXEC_H
#define CTR_EXEC_H

#include "run.h"

enum unknown_format { REFUSE_UNKNOWN, SHELL_FOR_UNKNOWN };
/*
 * execvp(3) with the PATH of `environ`; -errno, words in run->detail. What the kernel does not know
 * how to execute is refused (ENOEXEC) or run by /bin/sh.
 */
int exec_command(struct run *run, const char *file, char **argv, char **envp, enum unknown_format unknown);
/*
 * All that makes system calls before the execve of this step: the planner is sent away, what the
 * command is not given closed, the others told. For when a filter is about to be loaded; once is enough.
 */
void exec_prepare(struct run *run, const struct step *step);

#endif
