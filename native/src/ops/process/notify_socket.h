/* A service manager's socket, and the container's that is relayed to it (sd_notify(3)). */
#ifndef CTR_NOTIFY_SOCKET_H
#define CTR_NOTIFY_SOCKET_H

struct pollfd;

/* Fill one pollfd with the socket that the supervisor relays from; fd -1 where there is none, or no more. */
void notify_socket_poll(struct pollfd *fd);
/* Something has come there, perhaps. */
void notify_socket_relay(const struct pollfd *fd);

#endif
