/* Scheduling, memory placement and keys. */
#include "args.h"
#include "kernel.h"
#include "plan.h"
#include "run.h"

#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define IOPRIO_WHO_PROCESS 1 /* linux/ioprio.h */
#define KEY_USR_SEARCH 0x00080000 /* linux/key.h */

int op_scheduler(struct run *run, const struct step *step) {
  size_t length;
  const void *given = arg_blob(run, step, 0, &length);
  /* sched_setattr(2): the struct begins with its own size. */
  _Alignas(8) unsigned char attr[256] = {0};
  uint32_t size;
  if (length < sizeof size || length > sizeof attr) return -EINVAL;
  memcpy(attr, given, length);
  memcpy(&size, attr, sizeof size);
  if (size > length) return -EINVAL;
  return (int)KERNEL(SYS_sched_setattr, 0, attr, 0);
}

int op_ioprio(struct run *run, const struct step *step) {
  return (int)KERNEL(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, (int)arg_int(run, step, 0));
}

int op_affinity(struct run *run, const struct step *step) {
  size_t length;
  const void *mask = arg_blob(run, step, 1, &length);
  /* The kernel reads what it has CPUs for and leaves out those of other cpusets (sched_setaffinity(2), Notes); NR_CPUS is at most 8192. */
  unsigned char all[8192 / 8];
  if (length == 0) mask = memset(all, 0xff, length = sizeof all);
  long rc = KERNEL(SYS_sched_setaffinity, (pid_t)arg_int(run, step, 0), length, mask);
  if (rc == -EINVAL) detail(run, "none of these processors is online and in the cpuset of the cgroup");
  return (int)rc;
}

int op_mempolicy(struct run *run, const struct step *step) {
  size_t length;
  const void *nodes = arg_blob(run, step, 1, &length);
  unsigned long maxnode = (unsigned long)arg_int(run, step, 2);
  if (length == 0) nodes = NULL, maxnode = 0;
  /* set_mempolicy(2) reads whole words: bits of maxnode - 1, rounded up. */
  unsigned long mask[128] = {0};
  if (length > sizeof mask || maxnode > sizeof mask * 8) return -EINVAL;
  if (nodes) memcpy(mask, nodes, length);
  return (int)KERNEL(SYS_set_mempolicy, (int)arg_int(run, step, 0), nodes ? mask : NULL, maxnode);
}

/*
 * A session keyring of its own, so that the caller's keys are not the command's. Its user may
 * search it, as a user namespace inside could not use it otherwise (runc, keys.ModKeyringPerm).
 */
int op_keyring(struct run *run, const struct step *step) {
  const char *name = arg_text(run, step, 0);
  long key = KERNEL(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, *name ? name : NULL, 0, 0, 0);
  /* No keys in this kernel, none for us (a seccomp filter), or the user's quota is used up: none of them ours to mend. */
  if (key == -ENOSYS || key == -EPERM || key == -EDQUOT) return 0;
  if (key < 0) return (int)key;
  char words[256];
  unsigned permissions;
  long n = KERNEL(SYS_keyctl, KEYCTL_DESCRIBE, key, words, sizeof words - 1, 0);
  if (n < 0 || n >= (long)sizeof words) return 0;
  words[n] = '\0';
  /* keyctl(2): "type;uid;gid;perm;description", perm in hexadecimal. */
  if (sscanf(words, "%*[^;];%*[^;];%*[^;];%x", &permissions) == 1)
    (void)KERNEL(SYS_keyctl, KEYCTL_SETPERM, key, permissions | KEY_USR_SEARCH, 0, 0);
  return 0;
}
