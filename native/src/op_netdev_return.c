/*
 * Taking an interface back out of a network namespace. The message that moves it must be sent
 * from the namespace in which it is (rtnetlink(7), RTM_NEWLINK with IFLA_NET_NS_PID), so a
 * child goes there; this process never leaves its own.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.h"
#include "kernel.h"
#include "ops.h"

#ifndef CLONE_NEWNET
#define CLONE_NEWNET 0x40000000
#endif

struct request {
  struct nlmsghdr head;
  struct ifinfomsg link;
  char attributes[128];
};

static void attribute(struct request *r, unsigned short type, const void *data, size_t length) {
  struct rtattr *a = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->head.nlmsg_len));
  a->rta_type = type;
  a->rta_len = (unsigned short)RTA_LENGTH(length);
  memcpy(RTA_DATA(a), data, length);
  r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

/* Send, and wait for the kernel's word: 0 or -errno. */
static int acknowledged(int fd, struct request *r) {
  union {
    struct nlmsghdr head;
    char bytes[4096];
  } answer;
  long n = AGAIN(send(fd, r, r->head.nlmsg_len, 0));
  if (n >= 0) n = AGAIN(recv(fd, &answer, sizeof answer, 0));
  if (n < 0) return (int)n;
  if ((size_t)n < NLMSG_LENGTH(sizeof(struct nlmsgerr)) || answer.head.nlmsg_type != NLMSG_ERROR) return -EPROTO;
  return ((struct nlmsgerr *)NLMSG_DATA(&answer.head))->error;
}

/* Down first: an interface that is up keeps its name. Then name and namespace at once, by its present name. */
static int move_out(const char *name, const char *as, pid_t into) {
  long fd = AGAIN(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (fd < 0) return (int)fd;
  struct request down = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                                  .nlmsg_type = RTM_NEWLINK,
                                  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
                         .link = {.ifi_family = AF_UNSPEC, .ifi_change = 1 /* IFF_UP */}};
  attribute(&down, IFLA_IFNAME, name, strlen(name) + 1);
  int error = acknowledged((int)fd, &down);
  if (error < 0) return error == -ENODEV ? 0 : error; /* the command removed it, and that is its right */
  /* By index: the name in the message is the new one. */
  struct request find = down;
  find.head.nlmsg_type = RTM_GETLINK;
  find.head.nlmsg_flags = NLM_F_REQUEST;
  union {
    struct nlmsghdr head;
    char bytes[16384];
  } answer;
  long n = AGAIN(send((int)fd, &find, find.head.nlmsg_len, 0));
  if (n >= 0) n = AGAIN(recv((int)fd, &answer, sizeof answer, 0));
  if (n < 0) return (int)n;
  if ((size_t)n < NLMSG_LENGTH(sizeof(struct ifinfomsg)) || answer.head.nlmsg_type != RTM_NEWLINK) return -EPROTO;
  struct request move = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                                  .nlmsg_type = RTM_NEWLINK,
                                  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
                         .link = {.ifi_family = AF_UNSPEC,
                                  .ifi_index = ((struct ifinfomsg *)NLMSG_DATA(&answer.head))->ifi_index}};
  uint32_t pid = (uint32_t)into;
  attribute(&move, IFLA_IFNAME, as, strlen(as) + 1);
  attribute(&move, IFLA_NET_NS_PID, &pid, sizeof pid);
  return acknowledged((int)fd, &move);
}

int op_netdev_return(struct run *run, const struct step *step) {
  int netns = arg_fd(run, step, 0), error = -EPROTO;
  const char *name = arg_text(run, step, 1), *as = arg_text(run, step, 2);
  if (strlen(name) > 15 || strlen(as) > 15) return -EINVAL; /* IFNAMSIZ */
  pid_t us = getpid();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
  /* Without SIGCHLD: nobody but us is to hear of this child. */
  long pid = KERNEL(SYS_clone, 0, 0, 0, 0, 0);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    error = setns(netns, CLONE_NEWNET) < 0 ? -errno : move_out(name, as, us);
    (void)write_all(ends[1], &error, sizeof error);
    _exit(0);
  }
  close(ends[1]);
  if (pid < 0) error = (int)pid;
  else if (AGAIN(read(ends[0], &error, sizeof error)) != (long)sizeof error) error = -EPROTO;
  close(ends[0]);
  if (pid > 0) (void)AGAIN(waitpid((pid_t)pid, NULL, __WALL));
  return error;
}
