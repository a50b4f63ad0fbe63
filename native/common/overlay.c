/*
 * An overlay (overlayfs.rst). The layers go to the kernel as descriptors (Linux 6.13), else one
 * by one as paths (`lowerdir+`, Linux 6.5), else as one string by overlay_old.c.
 */
#include "overlay.h"

#include <string.h>

#include "path.h"

/* overlayfs takes a backslash in upperdir and workdir for an escape, and in lowerdir+ and datadir+ for itself. */
static int by_path(char *words, int fs, const char *key, const char *path) {
  char escaped[512];
  size_t n = 0;
  if (strchr(key, '+')) return filesystem_option(words, fs, key, path);
  for (; *path && n < sizeof escaped - 2; path++) {
    if (*path == '\\' || *path == ':' || *path == ',') escaped[n++] = '\\';
    escaped[n++] = *path;
  }
  if (*path) return -E2BIG;
  escaped[n] = '\0';
  return filesystem_option(words, fs, key, escaped);
}

static int add_layer(char *words, int fs, const char *key, const char *path) {
  long fd = AGAIN(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) {
    words_say(words, "%s", path);
    return (int)fd;
  }
  long rc = sys_fsconfig(fs, FSCONFIG_SET_FD, key, NULL, (int)fd);
  close_fd((int)fd);
  /* Until overlayfs takes layers by descriptor (6.13) it says EINVAL; fsconfig(2) itself takes no O_PATH then, EBADF. */
  if (rc != -EINVAL && rc != -EBADF) {
    if (rc < 0) filesystem_log(words, fs);
    return (int)rc;
  }
  filesystem_log(words, fs); /* takes the words about the descriptor away */
  words[0] = '\0';
  return by_path(words, fs, key, path);
}

/* Before Linux 6.5 overlayfs took any option at fsconfig(2) and looked at them only at the end. */
static bool takes_anything(int fs) {
  return sys_fsconfig(fs, FSCONFIG_SET_FLAG, "ctr-no-such-option", NULL, 0) == 0;
}

static int configure(char *words, int fs, const struct overlay *o) {
  int rc = 0;
  for (unsigned i = 0; rc == 0 && i < o->lowers; i++) rc = add_layer(words, fs, "lowerdir+", o->lower[i]);
  if (rc == 0 && *o->upper) rc = add_layer(words, fs, "upperdir", o->upper);
  if (rc == 0 && *o->work) rc = add_layer(words, fs, "workdir", o->work);
  for (unsigned i = 0; rc == 0 && i < o->noptions; i++) {
    char *value = strchr(o->options[i], '=');
    if (value) *value = '\0';
    /* Data-only layers one by one came with Linux 6.7; the string had them in 6.5. */
    if (strcmp(o->options[i], "datadir+") == 0 && value) {
      rc = add_layer(words, fs, "datadir+", value + 1);
      if (rc == -EINVAL) rc = -E2BIG;
    } else rc = filesystem_option(words, fs, o->options[i], value ? value + 1 : NULL);
    if (value) *value = '=';
  }
  return rc;
}

/* The overlay as a mount that is attached nowhere. */
static int overlay_new(char *words, const struct overlay *o) {
  int fs = filesystem_open(words, "overlay");
  if (fs < 0) return fs;
  int probe = filesystem_open(words, "overlay");
  bool old = probe >= 0 && takes_anything(probe);
  close_fd(probe);
  int rc = old ? -ENOSYS : configure(words, fs, o);
  if (rc == 0) return filesystem_mount(words, fs, o->attr);
  close_fd(fs);
  return rc;
}

int overlay_mount(char *words, const struct overlay *o) {
  int mount = overlay_new(words, o);
  int rc = mount;
  if (mount == -ENOSYS || mount == -E2BIG || mount == -EPERM) {
    words[0] = '\0';
    rc = mount = overlay_old(words, o);
  } else if (mount >= 0 && *o->target) {
    int target = open_inside(AT_ROOT_NONE, o->target, O_PATH | O_DIRECTORY);
    rc = target < 0 ? target : mount_attach(mount, target);
    close_fd(target);
  }
  if (rc >= 0) return mount;
  close_fd(mount);
  return rc;
}
