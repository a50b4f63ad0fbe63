/* netlink.c: as much of rtnetlink(7) as moving an interface takes. */
#ifndef CTR_NETLINK_H
#define CTR_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

struct netlink_request {
  struct nlmsghdr header;
  unsigned char body[1024];
};

int netlink_open(void);
/* Begin a request with its fixed part (struct ifinfomsg, struct ifaddrmsg). */
void netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags, const void *fixed, size_t length);
void netlink_attribute(struct netlink_request *r, uint16_t type, const void *data, size_t length);
/*
 * Send it and take the answers: `each` gets every message but the acknowledgement; what it gives
 * below 0 ends the asking. 0 or -errno; the kernel's own words (extended ACK) go to `words`.
 */
int netlink_ask(int fd, struct netlink_request *r, int (*each)(const struct nlmsghdr *message, void *to),
                void *to, char *words, size_t room);

#endif
