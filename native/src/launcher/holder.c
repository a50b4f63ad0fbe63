/* A process that is there for what it is in: it does nothing, and dies with the one that started it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptors.h"
#include "holder.h"
#include "io.h"
#include "kernel.h"
#include "signals.h"

static _Noreturn void hold(holder_prepare *prepare, const void *with, int tell) {
  sigset_t all;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int error = -prepare(with);
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* a change of IDs cleared it */
  /*
   * No signal that a terminal sends to all around it ends or stops it. SIGTERM does: who stops a unit waits
   * for all in it, and its starter may have been stopped itself.
   */
  signals_to_default();
  every_signal(&all);
  sigdelset(&all, SIGTERM);
  signal_mask(SIG_SETMASK, &all, NULL);
  (void)write_all(tell, &error, sizeof error);
  if (error) _exit(0);
  close_from(0); /* who reads the other end of something is not to wait for us */
  for (;;) pause();
}

long holder(holder_prepare *prepare, const void *with) {
  int ends[2], error = EPROTO;
  if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
  long pid = KERNEL(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) hold(prepare, with, ends[1]);
  close(ends[1]);
  if (pid < 0) error = (int)-pid;
  else if (AGAIN(read(ends[0], &error, sizeof error)) != (long)sizeof error) error = EPROTO;
  close(ends[0]);
  if (!error) return pid;
  if (pid > 0) holder_end(pid);
  return -error;
}

void holder_end(long pid) {
  kill((pid_t)pid, SIGKILL);
  (void)AGAIN(waitpid((pid_t)pid, NULL, __WALL));
}
