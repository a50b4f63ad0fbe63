/* The real procfs, and what it tells of a process. */
#ifndef CTR_PROC_H
#define CTR_PROC_H

#include <stdint.h>
#include <sys/types.h>

/* A descriptor of the real procfs (PROC_SUPER_MAGIC), made once; or -errno. */
int real_proc(void);
/* Open a path below /proc by that descriptor, crossing no mount (RESOLVE_NO_XDEV). */
int open_proc(const char *path, int flags);

/*
 * Start time of a process in clock ticks after boot (proc_pid_stat(5), field 22); 0, -ESRCH where
 * it has gone, or another -errno. Read from the caller's own /proc, as the planner does: it decides
 * nothing inside a container, and a procfs of our own costs more to take down than all the rest.
 */
int start_time_of(int64_t pid, int64_t *ticks);
/* The same, and its state (field 3). */
int life_of(int64_t pid, int64_t *ticks, char *state);
/* At most `room` bytes from the beginning of a file, which a FIFO or a terminal does not make wait; how many, or -errno. */
ssize_t read_beginning(const char *path, char *bytes, size_t room);

#endif
