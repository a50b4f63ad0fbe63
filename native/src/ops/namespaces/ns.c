/*
 * Namespaces beyond what unshare(2) and setns(2) do in the process itself: a joiner that goes
 * ahead of a clone, a holder of a new user namespace, and what belongs to a namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "args.h"
#include "holder.h"
#include "io.h"
#include "kernel.h"
#include "ns.h"
#include "ops.h"
#include "plan.h"
#include "proc.h"
#include "run.h"

#ifndef CLONE_PARENT
#define CLONE_PARENT 0x00008000
#endif
#ifndef CLONE_NEWUSER
#define CLONE_NEWUSER 0x10000000
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C /* linux/sockios.h */
#endif

/* --- a joiner ahead of a clone */

static const int64_t *pending;
static unsigned npending;

int op_join_first(struct run *run, const struct step *step) {
  pending = arg_ints(run, step, 0, &npending);
  return npending % 2 ? -EINVAL : 0;
}

bool joins_pending(void) { return npending > 0; }

struct report {
  int32_t error; /* errno, or 0 */
  int32_t at;    /* the join that failed, -1: the clone */
  int32_t pid;
};

static const struct {
  uint64_t flag;
  const char *name;
} kinds[] = {{0x00000080, "time"}, {0x00020000, "mount"}, {0x02000000, "cgroup"}, {0x04000000, "uts"},
             {0x08000000, "ipc"},  {0x10000000, "user"},  {0x20000000, "pid"},    {0x40000000, "net"}};

static void name_join(struct run *run, uint64_t flags) {
  char names[80] = "";
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (flags & kinds[i].flag)
      snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", *names ? " and " : "", kinds[i].name);
  detail(run, "join the %s namespace", names);
}

/* The joiner itself: 0 in the child that it cloned, else it does not return. */
static long join_and_clone(const int64_t *joins, unsigned n, uint64_t flags, fork_fn *fork_with, int tell) {
  struct report report = {0, -1, 0};
  int pidfd = -1;
  for (unsigned i = 0; i < n; i += 2) {
    if (setns((int)joins[i], (int)joins[i + 1]) == 0) continue;
    report = (struct report){errno, (int32_t)i, 0};
    (void)write_all(tell, &report, sizeof report);
    _exit(0);
  }
  long pid = fork_with(flags | CLONE_PARENT, -1, &pidfd);
  if (pid == 0) {
    close(tell);
    return 0;
  }
  report = pid < 0 ? (struct report){errno, -1, 0} : (struct report){0, -1, (int32_t)pid};
  (void)write_all(tell, &report, sizeof report);
  _exit(0);
}

long fork_joined(struct run *run, uint64_t flags, int cgroup, int *pidfd, fork_fn *fork_with) {
  const int64_t *joins = pending;
  unsigned n = npending;
  int ends[2], unused = -1;
  npending = 0;
  if (pipe2(ends, O_CLOEXEC) < 0) return -1;
  /* Into the cgroup while the cgroup files are still those of this user namespace. */
  long joiner = fork_with(0, cgroup, &unused);
  if (joiner == 0) {
    close(ends[0]);
    return join_and_clone(joins, n, flags, fork_with, ends[1]);
  }
  int error = errno;
  close(ends[1]);
  if (unused >= 0) close(unused);
  struct report report = {EPROTO, -1, 0};
  if (joiner >= 0 && AGAIN(read(ends[0], &report, sizeof report)) != (long)sizeof report) report.error = EPROTO;
  close(ends[0]);
  if (joiner < 0) {
    errno = error;
    return -1;
  }
  while (waitpid((pid_t)joiner, NULL, 0) < 0 && errno == EINTR) {
  }
  if (report.error == 0) {
    /* It is our child, so its PID is its own until we reap it. */
    long fd = sys_pidfd_open((pid_t)report.pid);
    *pidfd = fd < 0 ? -1 : (int)fd;
    return report.pid;
  }
  if (report.at >= 0) name_join(run, (uint64_t)joins[report.at + 1]);
  errno = report.error;
  return -1;
}

/* --- a holder of a new user namespace */

struct owner {
  uid_t uid, gid; /* or -1 */
};

/* The holder may be dumped: else /proc/PID/uid_map would belong to root alone (proc(5)). */
static int become_owner(const void *with) {
  const struct owner *o = with;
  if (o->gid != (gid_t)-1 && (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, o->gid, o->gid, o->gid) < 0))
    return -errno;
  if (o->uid != (uid_t)-1 && syscall(SYS_setresuid, o->uid, o->uid, o->uid) < 0) return -errno;
  if (unshare(CLONE_NEWUSER) < 0) return -errno;
  prctl(PR_SET_DUMPABLE, 1);
  return 0;
}

int op_user_namespace(struct run *run, const struct step *step) {
  struct owner owner;
  if (arg_id(run, step, 0, true, &owner.uid) < 0 || arg_id(run, step, 1, true, &owner.gid) < 0) return -EINVAL;
  long pid = holder(become_owner, &owner);
  if (pid < 0) return (int)pid;
  char path[40];
  snprintf(path, sizeof path, "/proc/%ld/ns/user", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    int error = errno;
    holder_end(pid);
    return -error;
  }
  out_int(run, step, 2, pid);
  out_int(run, step, 3, high_fd(fd));
  return 0;
}

/* --- small ones */

int op_inode(struct run *run, const struct step *step) {
  int fd = arg_fd(run, step, 1);
  const char *path = arg_text(run, step, 0);
  int64_t wanted = arg_int(run, step, 2);
  struct stat st;
  struct statfs fs;
  if (wanted) {
    if ((fd >= 0 ? fstatfs(fd, &fs) : statfs(path, &fs)) < 0) return -errno;
    if ((uint32_t)fs.f_type != (uint32_t)wanted) return -EOPNOTSUPP;
  }
  if ((fd >= 0 ? fstat(fd, &st) : stat(path, &st)) < 0) return -errno;
  out_int(run, step, 3, (int64_t)st.st_ino);
  return 0;
}

static const struct step *wants_status;

int op_end_status(struct run *run, const struct step *step) {
  (void)run;
  wants_status = step;
  return 0;
}

void end_status_fill(struct run *run, int code) {
  if (wants_status && wants_status->process == run->process) out_int(run, wants_status, 0, code);
}

#ifndef NS_GET_MNTNS_ID
#define NS_GET_MNTNS_ID _IOR(0xb7, 0x5, uint64_t) /* Linux 6.11 */
#endif

/* 0 where the kernel does not tell. */
static uint64_t mounts_number(int fd) {
  uint64_t number;
  return ioctl(fd, NS_GET_MNTNS_ID, &number) == 0 ? number : 0;
}

static uint64_t own_mounts_number(void) {
  int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  uint64_t number = mounts_number(fd);
  close(fd);
  return number;
}

int op_younger_mounts(struct run *run, const struct step *step) {
  uint64_t than = mounts_number(arg_fd(run, step, 0)), own = own_mounts_number();
  if (than == 0 || own == 0 || own > than) return 0;
  cpu_set_t allowed;
  long rc = AGAIN(sched_getaffinity(0, sizeof allowed, &allowed));
  if (rc < 0) return (int)rc;
  for (int cpu = 0; cpu < CPU_SETSIZE && rc >= 0 && own <= than; cpu++) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) continue; /* it went offline */
    rc = AGAIN(unshare(CLONE_NEWNS));
    own = own_mounts_number();
  }
  sched_setaffinity(0, sizeof allowed, &allowed);
  return (int)(rc < 0 ? rc : 0);
}

int op_ns_get(struct run *run, const struct step *step) {
  long ns = AGAIN(ioctl(arg_fd(run, step, 0), (unsigned)arg_int(run, step, 1)));
  if (ns < 0) return (int)ns;
  out_int(run, step, 2, high_fd((int)ns));
  return 0;
}

int op_socket_netns(struct run *run, const struct step *step) {
  long fd = KERNEL(SYS_pidfd_getfd, arg_fd(run, step, 0), (int)arg_int(run, step, 1), 0);
  if (fd < 0) return (int)fd;
  long ns = AGAIN(ioctl((int)fd, SIOCGSKNS));
  close((int)fd);
  if (ns < 0) return (int)ns;
  out_int(run, step, 2, high_fd((int)ns));
  return 0;
}

/*
 * Unlike `start_time` without a procfs of our own: mounting one costs little, but taking it
 * down waits for an RCU grace period, which is as long as the whole rest of joining.
 */
int op_same_process(struct run *run, const struct step *step) {
  int64_t ticks;
  int result = start_time_of(arg_int(run, step, 0), &ticks);
  if (result < 0) return result;
  return ticks == arg_int(run, step, 1) ? 0 : -ESRCH;
}
