/*
 * Roots whose owners are those of a container's user namespace: idmapped mounts (mount_setattr(2)), or
 * owners that are changed for good where the kernel or the file system has none.
 */
#include "layer.h"
#include "overlay.h"
#include "owners.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "core.h"

static int idmap(int mount, int userns) {
  const struct kernel_mount_attr attr = {.set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns};
  return (int)sys_mount_setattr(mount, 0, &attr);
}

/* EINVAL: the file system does not support it. ENOSYS: the kernel has no such call. */
static bool unsupported(int rc) { return rc == -EINVAL || rc == -ENOSYS || rc == -EPERM; }

int op_map_owners(struct run *run, const struct step *step) {
  int mount = arg_fd(run, step, 0);
  int rc = idmap(mount, arg_fd(run, step, 1));
  return unsupported(rc) ? change_owners(run, mount, arg_text(run, step, 2), arg_text(run, step, 3)) : rc;
}

struct mapped {
  struct run *run;
  const char *scratch;
  char **lower;
  unsigned lowers;
  const char *changes, *top, *uids, *gids;
  uint64_t attr;
  char **options;
  unsigned noptions;
  int userns; /* -1: without other owners */
};

/* A clone of a directory with other owners, attached at a directory: overlayfs takes no mounts that are detached (before Linux 6.15). */
static int attach_mapped(const struct mapped *m, int directory, const char *at) {
  int tree = (int)sys_open_tree(directory, "", AT_EMPTY_PATH | OPEN_TREE_CLONE);
  if (tree < 0) return tree;
  int rc = m->userns < 0 ? 0 : idmap(tree, m->userns);
  int target = rc < 0 ? rc : (int)AGAIN(open(at, O_PATH | O_DIRECTORY | O_CLOEXEC));
  rc = target < 0 ? target : mount_attach(tree, target);
  close_fd(target);
  close_fd(tree);
  return rc;
}

/* The upper directory's own attributes are the root's. */
static int like_top(const struct mapped *m, const char *upper) {
  struct stat st;
  int from = (int)AGAIN(open(m->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int to = (int)AGAIN(open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  long rc = from < 0 ? from : to < 0 ? to : copy_attributes(from, to);
  if (rc == 0 && fstat(to, &st) != 0) rc = -errno;
  if (rc == 0 && m->userns >= 0)
    rc = AGAIN(fchown(to, mapped_id(m->uids, st.st_uid), mapped_id(m->gids, st.st_gid)));
  close_fd(from);
  close_fd(to);
  return (int)rc;
}

/*
 * In a mount namespace of its own, whose mounts go with it; the overlay keeps what it is made of. The
 * upper directory is not idmapped: overlayfs works in it as the one who mounts, whom the maps do not have.
 */
static int make_mapped(const struct mapped *m) {
  char path[PATH_MAX + 16], upper[PATH_MAX + 32], work[PATH_MAX + 32];
  char **lower = calloc(m->lowers + 1, sizeof *lower);
  int *trees = calloc(m->lowers + 1, sizeof *trees);
  if (!lower || !trees) return -ENOMEM;
  bool kept = *m->changes;
  snprintf(path, sizeof path, "%s", kept ? m->changes : m->scratch);
  snprintf(upper, sizeof upper, "%s/upper", path);
  snprintf(work, sizeof work, "%s/work", path);
  long rc = AGAIN(unshare(CLONE_NEWNS));
  if (rc == 0) rc = AGAIN(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
  if (rc == 0 && kept && *m->top) rc = like_top(m, upper);
  /* What is given by paths is opened before the tmpfs hides anything. */
  for (unsigned i = 0; i < m->lowers && rc == 0; i++) {
    trees[i] = (int)AGAIN(open(m->lower[i], O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (trees[i] < 0) rc = trees[i];
    if (rc < 0) detail(m->run, "%s", m->lower[i]);
  }
  if (rc == 0) rc = AGAIN(mount("ctr-layers", m->scratch, "tmpfs", 0, "mode=0755"));
  for (unsigned i = 0; i < m->lowers && rc == 0; i++) {
    snprintf(path, sizeof path, "%s/%u", m->scratch, i);
    lower[i] = strdup(path);
    rc = AGAIN(mkdir(path, 0755));
    if (rc == 0) rc = attach_mapped(m, trees[i], path);
  }
  if (rc == 0 && !kept) rc = AGAIN(mkdir(upper, 0755));
  if (rc == 0 && !kept) rc = AGAIN(mkdir(work, 0755));
  if (rc == 0 && !kept) rc = like_top(m, upper);
  if (rc < 0) return (int)rc;
  struct overlay o = {.target = "", .lower = lower, .lowers = m->lowers, .upper = upper, .work = work,
                      .options = m->options, .noptions = m->noptions};
  return overlay_mount(m->run, &o);
}

struct reply {
  int error;
  char words[1024];
};

static void tell(const struct mapped *m, int to, int mount) {
  struct reply reply = {.error = mount < 0 ? mount : 0};
  struct iovec bytes = {.iov_base = &reply, .iov_len = sizeof reply};
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
  struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
  snprintf(reply.words, sizeof reply.words, "%s", m->run->detail);
  if (mount >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &mount, sizeof mount);
  }
  (void)AGAIN(sendmsg(to, &message, MSG_NOSIGNAL));
}

static int hear(const struct mapped *m, int from) {
  struct reply reply;
  struct iovec bytes = {.iov_base = &reply, .iov_len = sizeof reply};
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
  struct msghdr message = {
      .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  int mount = -EIO;
  if (AGAIN(recvmsg(from, &message, MSG_CMSG_CLOEXEC)) != (long)sizeof reply) return -EIO;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_type == SCM_RIGHTS) memcpy(&mount, CMSG_DATA(header), sizeof mount);
  if (reply.error == 0) return above_stdio(mount);
  if (*reply.words) detail(m->run, "%s", reply.words);
  return reply.error;
}

static int in_child(const struct mapped *m) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return -errno;
  /* Without SIGCHLD: nobody but us is to hear of this child. */
  long child = KERNEL(SYS_clone, 0, 0, 0, 0, 0);
  if (child == 0) {
    tell(m, pair[1], make_mapped(m));
    _exit(0);
  }
  close_fd(pair[1]);
  int mount = child < 0 ? (int)child : hear(m, pair[0]);
  close_fd(pair[0]);
  if (child > 0) (void)AGAIN(waitpid((pid_t)child, NULL, __WALL));
  return mount;
}

/* The same with owners that are changed; what has another owner is copied up, but without its content. */
static int changed(struct mapped m) {
  char metacopy[] = "metacopy=on"; /* written to while it is split */
  char **options = calloc(m.noptions + 2, sizeof *options);
  if (!options) return -ENOMEM;
  memcpy(options, m.options, m.noptions * sizeof *options);
  options[m.noptions++] = metacopy;
  m.options = options;
  m.userns = -1;
  m.run->detail[0] = 0;
  int mount = in_child(&m);
  int rc = mount < 0 ? mount : change_owners(m.run, mount, m.uids, m.gids);
  free(options);
  if (rc < 0 && mount >= 0) close_fd(mount);
  return rc < 0 ? rc : mount;
}

int op_overlay_mapped(struct run *run, const struct step *step) {
  struct mapped m = {.run = run, .scratch = arg_text(run, step, 0), .changes = arg_text(run, step, 2),
                     .top = arg_text(run, step, 3), .attr = (uint64_t)arg_int(run, step, 4),
                     .userns = arg_fd(run, step, 6), .uids = arg_text(run, step, 7), .gids = arg_text(run, step, 8)};
  m.lower = arg_list(run, step, 1, &m.lowers);
  m.options = arg_list(run, step, 5, &m.noptions);
  int mount = in_child(&m);
  if (unsupported(mount)) mount = changed(m);
  if (mount < 0) return mount;
  int rc = m.attr ? mount_change(run, mount, m.attr, 0, 0, -1, false) : 0;
  if (rc < 0) close_fd(mount);
  else out_int(run, step, 9, mount);
  return rc;
}
