/* Device rules of cgroup v2, which are a program (bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE). */
#include "args.h"
#include "kernel.h"
#include "plan.h"
#include "run.h"

#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

/* By its name a program of ours is known; those of others (systemd's) stay, and both must agree. */
static const char our_name[] = "ctr_devices";
#define MAX_PROGRAMS 64 /* BPF_CGROUP_MAX_PROGS */

static long bpf(int command, union bpf_attr *attr) { return KERNEL(SYS_bpf, command, attr, sizeof *attr); }

static long load(struct run *run, const void *code, size_t length) {
  static char log[16384];
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.expected_attach_type = BPF_CGROUP_DEVICE;
  attr.insns = (uint64_t)(uintptr_t)code;
  attr.insn_cnt = (uint32_t)(length / sizeof(struct bpf_insn));
  attr.license = (uint64_t)(uintptr_t)"Dual MIT/GPL";
  memcpy(attr.prog_name, our_name, sizeof our_name);
  long fd = bpf(BPF_PROG_LOAD, &attr);
  if (fd >= 0 || fd == -EPERM) return fd;
  /* Once more for the verifier's words, of which the last lines matter. */
  attr.log_buf = (uint64_t)(uintptr_t)log;
  attr.log_size = sizeof log;
  attr.log_level = 1;
  long again = bpf(BPF_PROG_LOAD, &attr);
  if (again >= 0) return again;
  size_t n = strlen(log);
  if (n) detail(run, "%s", log + (n > 500 ? n - 500 : 0));
  return fd;
}

/* What is known of a program; the name of one that cannot be asked is empty. */
static struct bpf_prog_info info_of(int program) {
  union bpf_attr attr;
  struct bpf_prog_info info;
  memset(&info, 0, sizeof info);
  memset(&attr, 0, sizeof attr);
  attr.info.bpf_fd = (uint32_t)program;
  attr.info.info_len = sizeof info;
  attr.info.info = (uint64_t)(uintptr_t)&info;
  if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0) memset(&info, 0, sizeof info);
  return info;
}

/* Descriptors of the programs of ours that are attached to the group itself. */
static int attached(int group, int *fds) {
  uint32_t ids[MAX_PROGRAMS];
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.query.target_fd = (uint32_t)group;
  attr.query.attach_type = BPF_CGROUP_DEVICE;
  attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
  attr.query.prog_cnt = MAX_PROGRAMS;
  long rc = bpf(BPF_PROG_QUERY, &attr);
  if (rc < 0) return (int)rc;
  int n = 0;
  uint32_t count = attr.query.prog_cnt;
  for (uint32_t i = 0; i < count; i++) {
    memset(&attr, 0, sizeof attr);
    attr.prog_id = ids[i];
    long fd = bpf(BPF_PROG_GET_FD_BY_ID, &attr);
    if (fd < 0) continue; /* it has just been detached */
    if (strcmp(info_of((int)fd).name, our_name) == 0) fds[n++] = (int)fd;
    else close_fd((int)fd);
  }
  return n;
}

static long attach(int group, int program, int instead_of) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.target_fd = (uint32_t)group;
  attr.attach_bpf_fd = (uint32_t)program;
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI;
  if (instead_of >= 0) {
    attr.attach_flags |= BPF_F_REPLACE; /* Linux 5.6 */
    attr.replace_bpf_fd = (uint32_t)instead_of;
  }
  return bpf(BPF_PROG_ATTACH, &attr);
}

static long detach(int group, int program) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.target_fd = (uint32_t)group;
  attr.attach_bpf_fd = (uint32_t)program;
  attr.attach_type = BPF_CGROUP_DEVICE;
  return bpf(BPF_PROG_DETACH, &attr);
}

/* The group and the loaded program of a step, and what of ours is attached (how many, or -errno). */
static int prepare(struct run *run, const struct step *step, long *group, long *program, int *old) {
  size_t length;
  const void *code = arg_blob(run, step, 1, &length);
  *program = -1;
  if (length == 0 || length % sizeof(struct bpf_insn) != 0) return -EINVAL;
  *group = AGAIN(open(arg_text(run, step, 0), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (*group < 0) return (int)*group;
  *program = load(run, code, length);
  int count = *program < 0 ? (int)*program : attached((int)*group, old);
  if (count >= 0) return count;
  close_fd((int)*program);
  close_fd((int)*group);
  return count;
}

static int replace(struct run *run, const struct step *step) {
  int old[MAX_PROGRAMS] = {0};
  long group, program;
  int count = prepare(run, step, &group, &program, old);
  if (count < 0) return count;
  /* Replaced at once, so that there is no moment without rules or with both. */
  long rc = attach((int)group, (int)program, count == 1 ? old[0] : -1);
  bool replaced = rc == 0 && count == 1;
  if (rc == -EINVAL && count == 1) rc = attach((int)group, (int)program, -1);
  for (int i = 0; i < count; i++) {
    long gone = rc == 0 && !replaced ? detach((int)group, old[i]) : 0;
    if (gone < 0 && gone != -ENOENT) rc = gone;
    close_fd(old[i]);
  }
  close_fd((int)program);
  close_fd((int)group);
  return (int)rc;
}

/* All that are attached are asked, and all must allow (linux/bpf.h, BPF_F_ALLOW_MULTI). */
static int add(struct run *run, const struct step *step) {
  int old[MAX_PROGRAMS] = {0};
  long group, program;
  int count = prepare(run, step, &group, &program, old);
  if (count < 0) return count;
  /* By its tag, a digest of its instructions. */
  const struct bpf_prog_info ours = info_of((int)program);
  bool there = false;
  for (int i = 0; i < count; i++) {
    const struct bpf_prog_info other = info_of(old[i]);
    there |= *ours.name && memcmp(other.tag, ours.tag, sizeof ours.tag) == 0;
    close_fd(old[i]);
  }
  long rc = there ? 0 : attach((int)group, (int)program, -1);
  if (rc == -E2BIG) detail(run, "%d programs are attached to it already", MAX_PROGRAMS);
  close_fd((int)program);
  close_fd((int)group);
  return (int)rc;
}

int op_device_filter(struct run *run, const struct step *step) {
  return arg_int(run, step, 2) ? add(run, step) : replace(run, step);
}
