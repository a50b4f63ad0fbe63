/* Files whose changes are seen while a command runs. */
#ifndef CTR_WATCH_FILE_H
#define CTR_WATCH_FILE_H

#include <stdint.h>

struct pollfd;

#define MAX_WATCHED 8
/* Fill at most MAX_WATCHED pollfds; how many. */
int watched_poll(struct pollfd *fds);
/* How long poll may wait, of at most so many ms (-1: without end). */
int watched_timeout(int ms);
/* After each such poll that did not fail. */
void watched_changed(const struct pollfd *fds);
/* Look now: what they are about has come to its end, and they may be gone in a moment. */
void watched_look(void);
/* What a watched file said when it changed last, or NULL. */
const char *watched_text(const char *path);
/* What a watched file that is gone would have said more than that behind `key`, by the file of the group above. */
uint64_t watched_missed(const char *path, const char *key);

#endif
