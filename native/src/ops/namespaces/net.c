/* Network interfaces: `lo`, and moving one into the container (config-linux.md, Network Devices). */
#include "args.h"
#include "kernel.h"
#include "netlink.h"
#include "plan.h"
#include "proc.h"
#include "run.h"

#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef CLONE_NEWNET
#define CLONE_NEWNET 0x40000000
#endif

static int find_link(int netlink, const char *name, int *index);

static int set_up(int netlink, int index, char *words, size_t room) {
  struct netlink_request r;
  struct ifinfomsg link = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  netlink_begin(&r, RTM_NEWLINK, 0, &link, sizeof link);
  return netlink_ask(netlink, &r, NULL, NULL, words, room);
}

#define LOOPBACK_IFINDEX 1 /* linux/drivers/net/loopback.c: it is the first interface of every namespace */

int op_loopback_up(struct run *run, const struct step *step) {
  (void)step;
  int netlink = netlink_open();
  if (netlink < 0) return netlink;
  int rc = set_up(netlink, LOOPBACK_IFINDEX, run->detail, sizeof run->detail);
  close_fd(netlink);
  return rc;
}

static int take_index(const struct nlmsghdr *m, void *to) {
  if (m->nlmsg_type == RTM_NEWLINK) *(int *)to = ((const struct ifinfomsg *)NLMSG_DATA(m))->ifi_index;
  return 0;
}

static int find_link(int netlink, const char *name, int *index) {
  struct netlink_request r;
  struct ifinfomsg link = {0};
  *index = 0;
  netlink_begin(&r, RTM_GETLINK, 0, &link, sizeof link);
  netlink_attribute(&r, IFLA_IFNAME, name, strlen(name) + 1);
  int rc = netlink_ask(netlink, &r, take_index, index, NULL, 0);
  return rc == 0 && *index == 0 ? -ENODEV : rc;
}

/* The interfaces of a namespace, to tell by what is new there one whose name the kernel has chosen. */
struct links {
  unsigned count;
  int *index;
};

static int take_link(const struct nlmsghdr *m, void *to) {
  struct links *all = to;
  if (m->nlmsg_type != RTM_NEWLINK) return 0;
  int *more = realloc(all->index, (all->count + 1) * sizeof *more);
  if (!more) return -ENOMEM;
  all->index = more;
  more[all->count++] = ((const struct ifinfomsg *)NLMSG_DATA(m))->ifi_index;
  return 0;
}

static int list_links(int netlink, struct links *all) {
  struct netlink_request r;
  struct ifinfomsg any = {0};
  netlink_begin(&r, RTM_GETLINK, NLM_F_DUMP, &any, sizeof any);
  return netlink_ask(netlink, &r, take_link, all, NULL, 0);
}

static bool is_among(const struct links *all, int index) {
  for (unsigned i = 0; i < all->count; i++)
    if (all->index[i] == index) return true;
  return false;
}

static int find_new_link(int netlink, const struct links *before, int *index) {
  struct links now = {0};
  int rc = list_links(netlink, &now);
  *index = 0;
  for (unsigned i = 0; rc == 0 && i < now.count; i++)
    if (!is_among(before, now.index[i])) *index = now.index[i];
  free(now.index);
  return rc == 0 && *index == 0 ? -ENODEV : rc;
}

/* A name that ends in %d is numbered by the kernel (dev_alloc_name(); config-linux.md, Network Devices). */
static bool is_template(const char *name) {
  size_t length = strlen(name);
  return length >= 2 && strcmp(name + length - 2, "%d") == 0;
}

/* The addresses of an interface as the messages that make them anew. */
struct addresses {
  int index;
  unsigned count;
  struct netlink_request *requests;
};

static int save_address(const struct nlmsghdr *m, void *to) {
  struct addresses *all = to;
  const struct ifaddrmsg *given = NLMSG_DATA(m);
  if (m->nlmsg_type != RTM_NEWADDR || (int)given->ifa_index != all->index) return 0;
  /* The kernel makes link-local addresses itself; config-linux.md asks for permanent ones of global scope. */
  if (given->ifa_scope != RT_SCOPE_UNIVERSE || !(given->ifa_flags & IFA_F_PERMANENT)) return 0;
  if (m->nlmsg_len > sizeof *all->requests - 16) return -E2BIG;
  struct netlink_request *more = realloc(all->requests, (all->count + 1) * sizeof *more);
  if (!more) return -ENOMEM;
  all->requests = more;
  struct netlink_request *r = &more[all->count++];
  netlink_begin(r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, given, sizeof *given);
  struct ifaddrmsg *address = NLMSG_DATA(&r->header);
  address->ifa_flags &= IFA_F_NODAD | IFA_F_PERMANENT | IFA_F_HOMEADDRESS;
  unsigned left = (unsigned)IFA_PAYLOAD(m);
  for (const struct rtattr *a = IFA_RTA(given); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    /* The label holds the old name, the flags' long form what the address has become there. */
    if (a->rta_type == IFA_LABEL || a->rta_type == IFA_FLAGS) continue;
    netlink_attribute(r, a->rta_type, RTA_DATA(a), RTA_PAYLOAD(a));
  }
  return 0;
}

static int save_addresses(int netlink, struct addresses *all) {
  struct netlink_request r;
  struct ifaddrmsg any = {0};
  netlink_begin(&r, RTM_GETADDR, NLM_F_DUMP, &any, sizeof any);
  return netlink_ask(netlink, &r, save_address, all, NULL, 0);
}

static int restore_addresses(struct run *run, int netlink, int index, struct addresses *all) {
  int rc = 0;
  for (unsigned i = 0; rc == 0 && i < all->count; i++) {
    ((struct ifaddrmsg *)NLMSG_DATA(&all->requests[i].header))->ifa_index = (uint32_t)index;
    rc = netlink_ask(netlink, &all->requests[i], NULL, NULL, run->detail, sizeof run->detail);
  }
  return rc;
}

/* A netlink socket of another network namespace: a socket belongs to the one that it was made in. */
static int netlink_in(int netns) {
  long own = AGAIN(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (own < 0) return (int)own;
  long rc = AGAIN(setns(netns, CLONE_NEWNET));
  int netlink = rc < 0 ? (int)rc : netlink_open();
  /* Going on in the container's network by mistake would be worse than to end. */
  if (rc == 0 && setns((int)own, CLONE_NEWNET) != 0) abort();
  close_fd((int)own);
  return netlink;
}

/* Down, then namespace and name at once, so that no name is taken in between. */
static int move_link(struct run *run, int netlink, int index, int netns, const char *as) {
  struct netlink_request r;
  struct ifinfomsg down = {.ifi_index = index, .ifi_change = IFF_UP};
  netlink_begin(&r, RTM_NEWLINK, 0, &down, sizeof down);
  int rc = netlink_ask(netlink, &r, NULL, NULL, run->detail, sizeof run->detail);
  if (rc < 0) return rc;
  struct ifinfomsg link = {.ifi_index = index};
  uint32_t fd = (uint32_t)netns;
  netlink_begin(&r, RTM_NEWLINK, 0, &link, sizeof link);
  netlink_attribute(&r, IFLA_IFNAME, as, strlen(as) + 1);
  netlink_attribute(&r, IFLA_NET_NS_FD, &fd, sizeof fd);
  return netlink_ask(netlink, &r, NULL, NULL, run->detail, sizeof run->detail);
}

/* The interface `from` of the socket `here`, into the namespace `netns` of the socket `there`; its index there. */
static int transfer(struct run *run, int here, int there, int netns, int from, const char *as, int *index) {
  struct addresses all = {.index = from};
  struct links before = {0};
  int rc = save_addresses(here, &all);
  if (rc == 0 && is_template(as)) rc = list_links(there, &before);
  if (rc == 0) rc = move_link(run, here, from, netns, as);
  if (rc == 0) rc = is_template(as) ? find_new_link(there, &before, index) : find_link(there, as, index);
  if (rc == 0) rc = restore_addresses(run, there, *index, &all);
  /* config-linux.md: "MUST set the network device state to "up" after moving". */
  if (rc == 0) rc = set_up(there, *index, run->detail, sizeof run->detail);
  free(before.index);
  free(all.requests);
  return rc;
}

static int move_into(struct run *run, int here, int netns, const char *name, const char *as, int *index) {
  int there = netlink_in(netns), from;
  if (there < 0) return there;
  int rc = find_link(here, name, &from);
  if (rc == -ENODEV) detail(run, "there is no interface %s", name);
  if (rc == 0) rc = transfer(run, here, there, netns, from, as, index);
  close_fd(there);
  return rc;
}

int op_netdev_take_back(struct run *run, const struct step *step) {
  const char *as = arg_text(run, step, 2);
  long own = AGAIN(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (own < 0) return (int)own;
  int there = netlink_in(arg_fd(run, step, 0)), here = netlink_open(), index;
  int rc = there < 0 ? there : here;
  if (rc >= 0) rc = transfer(run, there, here, (int)own, (int)arg_int(run, step, 1), as, &index);
  close_fd(there);
  close_fd(here);
  close_fd((int)own);
  return rc == -ENODEV ? 0 : rc; /* the command removed it, and that is its right */
}

int op_netdev_move(struct run *run, const struct step *step) {
  const char *name = arg_text(run, step, 0), *as = arg_text(run, step, 2);
  if (!*as) as = name;
  if (strlen(name) >= IFNAMSIZ || strlen(as) >= IFNAMSIZ) return -ENAMETOOLONG;
  char path[64];
  snprintf(path, sizeof path, "%lld/ns", (long long)arg_int(run, step, 1));
  int directory = open_proc(path, O_PATH | O_DIRECTORY);
  if (directory < 0) return directory == -ENOENT ? -ESRCH : directory;
  long netns = AGAIN(openat(directory, "net", O_RDONLY | O_CLOEXEC));
  close_fd(directory);
  if (netns < 0) return (int)netns;
  int here = netlink_open(), index;
  int rc = here < 0 ? here : move_into(run, here, (int)netns, name, as, &index);
  close_fd(here);
  close_fd((int)netns);
  if (rc == 0) out_int(run, step, 3, index);
  return rc;
}
