#include "netlink.h"

#include "kernel.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#ifndef NETLINK_EXT_ACK
#define NETLINK_EXT_ACK 11
#endif
#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif
#define ACK_CAPPED 0x100 /* NLM_F_CAPPED */
#define ACK_TLVS 0x200   /* NLM_F_ACK_TLVS */
#define ACK_MSG 1        /* NLMSGERR_ATTR_MSG */

int netlink_open(void) {
  long fd = AGAIN(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  int on = 1;
  /* The kernel answers before send(2) returns; should it ever not, that is a failure and no wait for ever. */
  const struct timeval patience = {.tv_sec = 5};
  if (fd >= 0) setsockopt((int)fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  if (fd >= 0) setsockopt((int)fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return above_stdio((int)fd);
}

void netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags, const void *fixed, size_t length) {
  memset(r, 0, sizeof *r);
  r->header.nlmsg_type = type;
  r->header.nlmsg_flags = NLM_F_REQUEST | flags;
  r->header.nlmsg_len = NLMSG_LENGTH(length);
  memcpy(NLMSG_DATA(&r->header), fixed, length);
}

void netlink_attribute(struct netlink_request *r, uint16_t type, const void *data, size_t length) {
  struct rtattr *a = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->header.nlmsg_len));
  a->rta_type = type;
  a->rta_len = (unsigned short)RTA_LENGTH(length);
  memcpy(RTA_DATA(a), data, length);
  r->header.nlmsg_len = NLMSG_ALIGN(r->header.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

/* The words of an extended acknowledgement (struct nlmsgerr, then the request unless capped, then attributes). */
static void take_words(const struct nlmsghdr *m, char *words, size_t room) {
  if (!words || !(m->nlmsg_flags & ACK_TLVS)) return;
  const struct nlmsgerr *error = NLMSG_DATA(m);
  size_t skip = sizeof *error;
  if (!(m->nlmsg_flags & ACK_CAPPED)) skip += NLMSG_ALIGN(error->msg.nlmsg_len) - sizeof error->msg;
  size_t length = NLMSG_PAYLOAD(m, 0);
  if (skip > length) return;
  const struct rtattr *a = (const struct rtattr *)((const char *)error + skip);
  unsigned left = (unsigned)(length - skip);
  for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
    if ((a->rta_type & NLA_TYPE_MASK) == ACK_MSG)
      snprintf(words, room, "%.*s", (int)RTA_PAYLOAD(a), (const char *)RTA_DATA(a));
}

int netlink_ask(int fd, struct netlink_request *r, int (*each)(const struct nlmsghdr *message, void *to),
                void *to, char *words, size_t room) {
  static _Alignas(struct nlmsghdr) char answer[65536];
  static uint32_t sequence;
  r->header.nlmsg_seq = ++sequence;
  /* NLM_F_DUMP is two bits, of which NLM_F_REPLACE is one. */
  if ((r->header.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP) r->header.nlmsg_flags |= NLM_F_ACK;
  long n = AGAIN(send(fd, r, r->header.nlmsg_len, 0));
  if (n < 0) return (int)n;
  int rc = 0;
  for (;;) {
    n = AGAIN(recv(fd, answer, sizeof answer, 0));
    if (n <= 0) return n < 0 ? (int)n : -EIO;
    unsigned left = (unsigned)n;
    for (const struct nlmsghdr *m = (const struct nlmsghdr *)answer; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_seq != sequence) continue;
      if (m->nlmsg_type == NLMSG_DONE) return rc;
      if (m->nlmsg_type == NLMSG_ERROR) {
        int error = ((const struct nlmsgerr *)NLMSG_DATA(m))->error;
        if (error) take_words(m, words, room);
        return error ? error : rc;
      }
      if (each && rc == 0) rc = each(m, to);
    }
  }
}
