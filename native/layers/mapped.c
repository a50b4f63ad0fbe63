/*
 * Roots whose owners are those of a container's user namespace: idmapped mounts (mount_setattr(2)), or
 * owners that are changed for good where the kernel or the file system has none.
 */
#include "attributes.h"
#include "overlay.h"
#include "owners.h"
#include "request.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int idmap(int mount, int userns) {
  const struct kernel_mount_attr attr = {.set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns};
  return (int)sys_mount_setattr(mount, 0, &attr);
}

/* EINVAL: the file system does not support it. ENOSYS: the kernel has no such call. */
static bool unsupported(int rc) { return rc == -EINVAL || rc == -ENOSYS || rc == -EPERM; }

enum { MOUNT = LAYERS_GIVEN, USERNS_OF_MOUNT, USERNS = LAYERS_GIVEN };

int request_map_owners(struct request *r) {
  int rc = idmap(MOUNT, USERNS_OF_MOUNT);
  if (!unsupported(rc)) return rc;
  return change_owners(r->words, MOUNT, r->args[MAP_OWNERS_UIDS].text, r->args[MAP_OWNERS_GIDS].text);
}

struct mapped {
  char *words;
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
 * In a mount namespace that ends with us, and our mounts with it; the overlay keeps what it is made of.
 * The upper directory is not idmapped: overlayfs works in it as the one who mounts, whom the maps do not have.
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
  long rc = 0;
  if (rc == 0 && kept && *m->top) rc = like_top(m, upper);
  /* What is given by paths is opened before the tmpfs hides anything. */
  for (unsigned i = 0; i < m->lowers && rc == 0; i++) {
    trees[i] = (int)AGAIN(open(m->lower[i], O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (trees[i] < 0) rc = trees[i];
    if (rc < 0) words_say(m->words, "%s", m->lower[i]);
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
  struct overlay o = {.target = "", .lower = lower, .lowers = m->lowers, .upper = upper, .work = work,
                      .options = m->options, .noptions = m->noptions};
  int overlay = rc < 0 ? (int)rc : overlay_mount(m->words, &o);
  if (overlay < 0) (void)umount2(m->scratch, MNT_DETACH);
  return overlay;
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
  m.words[0] = 0;
  int mount = make_mapped(&m);
  int rc = mount < 0 ? mount : change_owners(m.words, mount, m.uids, m.gids);
  free(options);
  if (rc < 0) close_fd(mount);
  return rc < 0 ? rc : mount;
}

int request_mapped_overlay(struct request *r) {
  const struct request_arg *args = r->args;
  struct mapped m = {.words = r->words,
                     .scratch = args[MAPPED_OVERLAY_SCRATCH].text,
                     .lower = args[MAPPED_OVERLAY_LOWER].list,
                     .lowers = (unsigned)args[MAPPED_OVERLAY_LOWER].number,
                     .changes = args[MAPPED_OVERLAY_CHANGES].text,
                     .top = args[MAPPED_OVERLAY_TOP].text,
                     .uids = args[MAPPED_OVERLAY_UIDS].text,
                     .gids = args[MAPPED_OVERLAY_GIDS].text,
                     .attr = (uint64_t)args[MAPPED_OVERLAY_FLAGS].number,
                     .options = args[MAPPED_OVERLAY_OPTIONS].list,
                     .noptions = (unsigned)args[MAPPED_OVERLAY_OPTIONS].number,
                     .userns = USERNS};
  long rc = AGAIN(unshare(CLONE_NEWNS));
  if (rc == 0) rc = AGAIN(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
  if (rc < 0) return (int)rc;
  int mount = make_mapped(&m);
  if (unsupported(mount)) mount = changed(m);
  if (mount < 0) return mount;
  r->fd = mount;
  return m.attr ? mount_change(r->words, mount, m.attr, 0, 0, -1, false) : 0;
}
