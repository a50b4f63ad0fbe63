/* Our terminal and the container's. */
#ifndef CTR_TERMINAL_H
#define CTR_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

struct terminal {
  int pty;      /* the container's, or -1 */
  bool raw;     /* ours is in raw mode */
  bool in, out; /* still open */
  size_t nin, nout;
  int shown;   /* where the output goes: 1, or 1 opened anew to be written without waiting */
  void *saved; /* struct termios */
  char *to_pty, *from_pty;
};

void terminal_begin(struct terminal *terminal, int pty);
void terminal_raw(struct terminal *terminal);
void terminal_restore(struct terminal *terminal);
void terminal_resize(struct terminal *terminal);
/* Fill at most three pollfds; how many. */
struct pollfd;
int terminal_poll(struct terminal *terminal, struct pollfd *fds);
void terminal_relay(struct terminal *terminal, const struct pollfd *fds, int count);
/* What the container has written and we not yet, as long as somebody reads it; then the terminal as it was. */
void terminal_end(struct terminal *terminal);

#endif
