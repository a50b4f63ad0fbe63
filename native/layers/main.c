/*
 * ctr-layers: what the launcher has done to layers of images, in a program of its own, so that the one
 * which starts containers reads no archive. The launcher starts it (native/src/ops/files/layers.c) with a
 * request on 0, a socket for the answer on 3 and descriptors from 4 on.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "guard.h"
#include "io.h"
#include "kernel.h"
#include "request.h"
#include "rights.h"

enum { LONGEST = 64 << 20 }; /* bytes of a request */

/* All of descriptor 0, with a NUL behind it. NULL where it cannot be read. */
static char *read_request(size_t *length) {
  size_t room = 1 << 16;
  char *bytes = malloc(room + 1);
  *length = 0;
  for (long n; bytes; *length += (size_t)n) {
    if (*length == room) {
      if ((room *= 2) > LONGEST) return NULL;
      bytes = realloc(bytes, room + 1);
      if (!bytes) return NULL;
    }
    n = AGAIN(read(0, bytes + *length, room - *length));
    if (n < 0) return NULL;
    if (n == 0) break;
  }
  if (bytes) bytes[*length] = 0;
  return bytes;
}

static _Noreturn void answer(struct request *r, int rc) {
  static struct layers_reply reply;
  size_t length = strlen(rc < 0 ? r->words : r->text);
  reply.error = rc < 0 ? -rc : 0;
  memcpy(reply.text, rc < 0 ? r->words : r->text, length);
  struct iovec bytes = {.iov_base = &reply, .iov_len = offsetof(struct layers_reply, text) + length};
  size_t passed = rc >= 0 && r->fd >= 0;
  _exit(send_rights(LAYERS_SOCKET, &bytes, 1, &r->fd, passed) < 0 ? 125 : 0);
}

int main(void) {
  static const char usage[] = "ctr-layers: this program is started by the tools, with a request on its descriptor 0\n";
  static struct request request;
  int type = 0;
  socklen_t size = sizeof type;
  size_t length;
  hold_stdio();
  if (getsockopt(LAYERS_SOCKET, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) {
    (void)write_all(2, usage, sizeof usage - 1);
    return 125;
  }
  (void)fcntl(LAYERS_SOCKET, F_SETFD, FD_CLOEXEC);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  signal(SIGPIPE, SIG_IGN); /* who reads what is written to a pipe may have had enough */
  guard_begin();
  char *bytes = read_request(&length);
  int rc = bytes ? request_read(&request, bytes, length) : -EIO;
  if (rc == 0) rc = request.fn(&request);
  answer(&request, rc);
}
