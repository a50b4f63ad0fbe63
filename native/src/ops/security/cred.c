/*
 * Credentials and filters. The launcher has one thread, so the kernel's own calls change what
 * is meant; the C library's wrappers would signal threads that do not exist.
 */
#include "arena.h"
#include "args.h"
#include "kernel.h"
#include "plan.h"
#include "proc.h"
#include "run.h"

#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_RAISE 2
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#endif
#ifndef SECCOMP_FILTER_FLAG_NEW_LISTENER
#define SECCOMP_FILTER_FLAG_NEW_LISTENER (1UL << 3)
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

int op_setgroups(struct run *run, const struct step *step) {
  unsigned count;
  const int64_t *gids = arg_ints(run, step, 0, &count);
  gid_t *groups = calloc(count ? count : 1, sizeof *groups);
  if (!groups) return -ENOMEM;
  long rc = 0;
  for (unsigned i = 0; rc == 0 && i < count; i++) rc = to_id(gids[i], false, &groups[i]);
  if (rc == 0) rc = KERNEL(SYS_setgroups, count, groups);
  free(groups);
  return (int)rc;
}

/* Real, effective, saved: with less, setuid(2) of a process without CAP_SETUID would keep a way back. */
int op_setgid(struct run *run, const struct step *step) {
  gid_t gid;
  int rc = arg_id(run, step, 0, false, &gid);
  return rc < 0 ? rc : (int)KERNEL(SYS_setresgid, gid, gid, gid);
}

int op_setuid(struct run *run, const struct step *step) {
  uid_t uid;
  int rc = arg_id(run, step, 0, false, &uid);
  return rc < 0 ? rc : (int)KERNEL(SYS_setresuid, uid, uid, uid);
}

int op_bounding(struct run *run, const struct step *step) {
  uint64_t keep = (uint64_t)arg_int(run, step, 0);
  /* PR_CAPBSET_DROP(2const): EINVAL for what the kernel does not know; EPERM also for what is gone already. */
  for (unsigned cap = 0; cap < 64; cap++) {
    if (keep >> cap & 1) continue;
    long rc = AGAIN(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0));
    if (rc == -EINVAL) break;
    if (rc == 0 || AGAIN(prctl(PR_CAPBSET_READ, cap, 0, 0, 0)) == 0) continue;
    detail(run, "capability %u", cap);
    return (int)rc;
  }
  return 0;
}

int op_capset(struct run *run, const struct step *step) {
  uint64_t sets[3];
  for (unsigned i = 0; i < 3; i++) sets[i] = (uint64_t)arg_int(run, step, i);
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  for (unsigned half = 0; half < 2; half++) {
    data[half].effective = (uint32_t)(sets[0] >> 32 * half);
    data[half].permitted = (uint32_t)(sets[1] >> 32 * half);
    data[half].inheritable = (uint32_t)(sets[2] >> 32 * half);
  }
  return (int)KERNEL(SYS_capset, &header, data);
}

int op_ambient(struct run *run, const struct step *step) {
  uint64_t caps = (uint64_t)arg_int(run, step, 0);
  long rc = AGAIN(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
  for (unsigned cap = 0; rc == 0 && cap < 64; cap++) {
    if (!(caps >> cap & 1)) continue;
    rc = AGAIN(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0));
    if (rc == -EPERM) detail(run, "capability %u must be permitted and inheritable first", cap);
  }
  return (int)rc;
}

int op_securebits(struct run *run, const struct step *step) {
  return (int)AGAIN(prctl(PR_SET_SECUREBITS, (unsigned long)arg_int(run, step, 0), 0, 0, 0));
}

int op_keep_caps(struct run *run, const struct step *step) {
  return (int)AGAIN(prctl(PR_SET_KEEPCAPS, arg_int(run, step, 0) ? 1 : 0, 0, 0, 0));
}

int op_no_new_privs(struct run *run, const struct step *step) {
  (void)run;
  (void)step;
  return (int)AGAIN(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static long load(struct run *run, unsigned long flags, const struct sock_fprog *program) {
  long rc = KERNEL(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
  if (rc == -EACCES) detail(run, "it needs CAP_SYS_ADMIN or no_new_privs");
  if (rc == -EINVAL) detail(run, "the kernel does not take the filter or its flags");
  return rc;
}

/*
 * kernel/seccomp.c looks at the flags, the length and the right to load a filter, in this order,
 * before it copies the filter; so one at an address where nothing can be is answered with EFAULT.
 */
int op_seccomp_check(struct run *run, const struct step *step) {
  int64_t instructions = arg_int(run, step, 0) / (int64_t)sizeof(struct sock_filter);
  if (instructions < 1 || instructions > BPF_MAXINSNS) return -EINVAL;
  struct sock_filter *nowhere = (struct sock_filter *)1;
  struct sock_fprog program = {.len = (unsigned short)instructions, .filter = nowhere};
  long rc = load(run, (unsigned long)arg_int(run, step, 1), &program);
  return rc == -EFAULT ? 0 : rc < 0 ? (int)rc : -EPROTO;
}

int op_seccomp(struct run *run, const struct step *step) {
  size_t length;
  const void *filter = arg_blob(run, step, 0, &length);
  unsigned long flags = (unsigned long)arg_int(run, step, 1);
  if (length == 0 || length % sizeof(struct sock_filter) != 0 ||
      length / sizeof(struct sock_filter) > BPF_MAXINSNS)
    return -EINVAL;
  /* The plan's bytes may begin at any address. To free memory may take a system call. */
  struct sock_filter *copy = arena(length);
  memcpy(copy, filter, length);
  struct sock_fprog program = {.len = (unsigned short)(length / sizeof *copy), .filter = copy};
  long rc = load(run, flags, &program);
  if (rc < 0) return (int)rc;
  run->filtered = true;
  bool listens = (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0;
  int listener = listens ? above_stdio((int)rc) : -1;
  if (listens && listener < 0) return listener;
  out_int(run, step, 2, listener);
  return 0;
}

int op_lsm_attr(struct run *run, const struct step *step) {
  const char *attr = arg_text(run, step, 0), *value = arg_text(run, step, 1);
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "thread-self/attr/%s", attr) >= (int)sizeof path) return -ENAMETOOLONG;
  int fd = open_proc(path, O_WRONLY);
  /* Before Linux 5.8 AppArmor had no directory of its own (attr/exec was shared by all modules). */
  const char *slash = strchr(attr, '/');
  if (fd == -ENOENT && slash) {
    snprintf(path, sizeof path, "thread-self/attr/%s", slash + 1);
    fd = open_proc(path, O_WRONLY);
  }
  if (fd < 0) return fd;
  long n = AGAIN(write(fd, value, strlen(value)));
  close_fd(fd);
  return n < 0 ? (int)n : 0;
}
