/*
 * An overlay (overlayfs.rst). The layers go to the kernel as descriptors (Linux 6.13), else one
 * by one as paths (`lowerdir+`, Linux 6.5), else as one string by overlay_old.c.
 */
#include "layer.h"
#include "overlay.h"

#include <string.h>

/* overlayfs takes a backslash in upperdir and workdir for an escape, and in lowerdir+ and datadir+ for itself. */
static int by_path(struct run *run, int fs, const char *key, const char *path) {
  char escaped[512];
  size_t n = 0;
  if (strchr(key, '+')) return filesystem_option(run, fs, key, path);
  for (; *path && n < sizeof escaped - 2; path++) {
    if (*path == '\\' || *path == ':' || *path == ',') escaped[n++] = '\\';
    escaped[n++] = *path;
  }
  if (*path) return -E2BIG;
  escaped[n] = '\0';
  return filesystem_option(run, fs, key, escaped);
}

static int add_layer(struct run *run, int fs, const char *key, const char *path) {
  long fd = AGAIN(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) {
    detail(run, "%s", path);
    return (int)fd;
  }
  long rc = sys_fsconfig(fs, FSCONFIG_SET_FD, key, NULL, (int)fd);
  close_fd((int)fd);
  /* Until overlayfs takes layers by descriptor (6.13) it says EINVAL; fsconfig(2) itself takes no O_PATH then, EBADF. */
  if (rc != -EINVAL && rc != -EBADF) {
    if (rc < 0) filesystem_log(run, fs);
    return (int)rc;
  }
  filesystem_log(run, fs); /* takes the words about the descriptor away */
  run->detail[0] = '\0';
  return by_path(run, fs, key, path);
}

/* Before Linux 6.5 overlayfs took any option at fsconfig(2) and looked at them only at the end. */
static bool takes_anything(int fs) {
  return sys_fsconfig(fs, FSCONFIG_SET_FLAG, "ctr-no-such-option", NULL, 0) == 0;
}

static int configure(struct run *run, int fs, const struct overlay *o) {
  int rc = 0;
  for (unsigned i = 0; rc == 0 && i < o->lowers; i++) rc = add_layer(run, fs, "lowerdir+", o->lower[i]);
  if (rc == 0 && *o->upper) rc = add_layer(run, fs, "upperdir", o->upper);
  if (rc == 0 && *o->work) rc = add_layer(run, fs, "workdir", o->work);
  for (unsigned i = 0; rc == 0 && i < o->noptions; i++) {
    char *value = strchr(o->options[i], '=');
    if (value) *value = '\0';
    /* Data-only layers one by one came with Linux 6.7; the string had them in 6.5. */
    if (strcmp(o->options[i], "datadir+") == 0 && value) {
      rc = add_layer(run, fs, "datadir+", value + 1);
      if (rc == -EINVAL) rc = -E2BIG;
    } else rc = filesystem_option(run, fs, o->options[i], value ? value + 1 : NULL);
    if (value) *value = '=';
  }
  return rc;
}

/* The overlay as a mount that is attached nowhere. */
static int overlay_new(struct run *run, const struct overlay *o) {
  int fs = filesystem_open(run, "overlay");
  if (fs < 0) return fs;
  int probe = filesystem_open(run, "overlay");
  bool old = probe >= 0 && takes_anything(probe);
  close_fd(probe);
  int rc = old ? -ENOSYS : configure(run, fs, o);
  if (rc == 0) return filesystem_mount(run, fs, o->attr);
  close_fd(fs);
  return rc;
}

int overlay_mount(struct run *run, const struct overlay *o) {
  int mount = overlay_new(run, o);
  int rc = mount;
  if (mount == -ENOSYS || mount == -E2BIG || mount == -EPERM) {
    run->detail[0] = '\0';
    rc = mount = overlay_old(run, o);
  } else if (mount >= 0 && *o->target) {
    int target = open_inside(AT_ROOT_NONE, o->target, O_PATH | O_DIRECTORY);
    rc = target < 0 ? target : mount_attach(mount, target);
    close_fd(target);
  }
  if (rc >= 0) return mount;
  close_fd(mount);
  return rc;
}

int op_overlay(struct run *run, const struct step *step) {
  struct overlay o = {.target = arg_text(run, step, 0),
                      .upper = arg_text(run, step, 2),
                      .work = arg_text(run, step, 3),
                      .attr = (uint64_t)arg_int(run, step, 4)};
  o.lower = arg_list(run, step, 1, &o.lowers);
  o.options = arg_list(run, step, 5, &o.noptions);
  int mount = overlay_mount(run, &o);
  if (mount < 0) return mount;
  out_int(run, step, 6, mount);
  return 0;
}
