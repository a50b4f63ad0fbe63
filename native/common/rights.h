/* Descriptors in a message on a unix socket (unix(7), SCM_RIGHTS). */
#ifndef CTR_RIGHTS_H
#define CTR_RIGHTS_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* SCM_MAX_FD: the most that the kernel takes in one message. */
enum { RIGHTS_MAX = 253 };

/* Bytes sent of `parts`, or -errno. A stream carries descriptors only with at least one byte. */
long send_rights(int socket, struct iovec *parts, size_t count, const int *fds, size_t passed);

/*
 * One message into `parts`: its bytes, or -errno. `*fd` is the descriptor that came with it, close-on-exec,
 * or -1. `flags` as recvmsg(2) has them.
 */
long receive_right(int socket, struct iovec *parts, size_t count, int flags, int *fd);

#endif
