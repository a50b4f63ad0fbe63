/* A connection to a Unix socket. */
#ifndef CTR_SEND_H
#define CTR_SEND_H

/* A connection to the Unix socket at `path`, or -errno. */
int connect_unix(const char *path);

#endif
