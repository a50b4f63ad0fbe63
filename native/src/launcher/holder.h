/* A process that does nothing, by which something stays. */
#ifndef CTR_HOLDER_H
#define CTR_HOLDER_H

/* What it does first, with what `holder` was given: 0 or -errno. */
typedef int holder_prepare(const void *with);
/* Its PID once it is prepared, or -errno. It minds SIGKILL and SIGTERM alone, and dies with this process. */
long holder(holder_prepare *prepare, const void *with);
void holder_end(long pid);

#endif
