/*
 * A container that was made and let go waits at a FIFO for `start`. Its end of the FIFO closes
 * when it runs its command, as when it dies; what it has to say of a failure it writes to a file
 * that was opened while it still saw the host's files.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "args.h"
#include "io.h"
#include "ops.h"
#include "plan.h"
#include "report.h"
#include "run.h"
#include "words.h"

int op_report_to(struct run *run, const struct step *step) {
  report_also_to(arg_fd(run, step, 0));
  return 0;
}

enum { LOOK_MS = 200 };

int op_await_reader(struct run *run, const struct step *step) {
  /* POLLERR alone: the write end of a pipe whose read end is closed (poll(2)). */
  struct pollfd p = {.fd = arg_fd(run, step, 0)};
  while (!(p.revents & POLLERR)) {
    if (guard_caught()) return -EINTR;
    if (poll(&p, 1, LOOK_MS) < 0 && errno != EINTR) return -errno;
  }
  char words[MAX_SENTENCE];
  ssize_t n = 0;
  int fd = open(arg_text(run, step, 1), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 && errno != ENOENT) return -errno;
  if (fd >= 0) {
    n = read(fd, words, sizeof words - 1);
    int error = errno;
    close(fd);
    if (n < 0) return -error;
  }
  if (n == 0) {
    /* Who died with the word unread never came to its command. Bytes stay in a pipe that has a writer. */
    int unread;
    if (ioctl(p.fd, FIONREAD, &unread) < 0) return -errno;
    return unread > 0 ? -EPIPE : 0;
  }
  words[n] = 0;
  detail(run, "%s", words);
  return -E_DETAIL;
}
