/*
 * What a layer hides (image-spec layer.md, "Whiteouts"): `.wh.NAME` a name of the layers below,
 * `.wh..wh..opq` all of a directory. Neither ever hides what is in the same layer, wherever it
 * stands in the archive.
 */
#include "layer.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

static const char prefix[] = ".wh.", opaque[] = ".wh..wh..opq";

bool is_whiteout(const char *last) { return strncmp(last, prefix, sizeof prefix - 1) == 0; }

/*
 * Under both names, where we may: a mount with `userxattr`, of a container with a user namespace,
 * looks for the one (overlayfs.rst, "User xattr"), other mounts for the other, and layers are kept once.
 */
int layer_opaque(struct layer *layer, int dir, const char *path) {
  static const char *const names[] = {"trusted.overlay.opaque", "user.overlay.opaque"};
  const char *own = names[layer->user_marks], *other = names[!layer->user_marks];
  long rc = AGAIN(fsetxattr(dir, own, "y", 1, 0));
  if (rc < 0) return layer_failed(layer, "mark as opaque", path, rc);
  rc = AGAIN(fsetxattr(dir, other, "y", 1, 0));
  return rc == 0 || rc == -EPERM || rc == -EOPNOTSUPP ? 0 : layer_failed(layer, "mark as opaque", path, rc);
}

/* Remove what this layer did not make from a directory. */
static int clear(struct layer *layer, int dir, const char *path) {
  layer_keep_times(layer, path, dir);
  long again = AGAIN(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR *entries = again < 0 ? NULL : fdopendir((int)again);
  if (!entries) return layer_failed(layer, "read the directory", path, again < 0 ? again : -ENOMEM);
  int rc = 0;
  struct dirent *entry;
  while (rc == 0 && (entry = readdir(entries))) {
    const char *name = entry->d_name;
    char below[PATH_MAX];
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    if (snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "", name) >= (int)sizeof below)
      rc = layer_failed(layer, "remove from", path, -ENAMETOOLONG);
    else if (!names_has(&layer->made, below)) {
      long removed = layer_remove(dir, name);
      if (removed < 0) rc = layer_failed(layer, "remove", below, removed);
    } else {
      int fd = (int)AGAIN(openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (fd >= 0) rc = clear(layer, fd, below);
      close_fd(fd);
    }
  }
  closedir(entries);
  return rc;
}

/* A name that this layer has itself: what lies below a directory of it is hidden all the same. */
static int hide_made(struct layer *layer, const char *path, const char *name) {
  int fd = (int)AGAIN(openat(layer->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd == -ENOTDIR || fd == -ELOOP || fd == -ENXIO || fd == -ENOENT) return 0;
  if (fd < 0) return layer_failed(layer, "enter", path, fd);
  int rc = layer->mode == LAYER_MARKED ? layer_opaque(layer, fd, path) : clear(layer, fd, path);
  close_fd(fd);
  return rc;
}

int layer_whiteout(struct layer *layer, const char *path, const char *last) {
  size_t above = (size_t)(last - path);
  if (strcmp(last, opaque) == 0) {
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%.*s", above > 0 ? (int)above - 1 : 0, path);
    if (layer->mode == LAYER_PLAIN) return clear(layer, layer->parent, directory);
    if (*directory) return layer_opaque(layer, layer->parent, directory);
    /* Overlay does not look at the mark of a layer's root: what is below is hidden name by name, upon it. */
    layer->needs_lower = layer->has_lower;
    return layer->has_lower ? -2 : 0;
  }
  if (strncmp(last, ".wh..wh.", 8) == 0) return 0; /* aufs's own files */
  const char *name = last + sizeof prefix - 1;
  if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
    return layer_fail(layer, "/%s hides no name", path);
  char hidden[PATH_MAX];
  snprintf(hidden, sizeof hidden, "%.*s%s", (int)above, path, name);
  if (names_has(&layer->made, hidden)) return hide_made(layer, hidden, name);
  if (layer->mode == LAYER_PLAIN) {
    int rc = layer_remove(layer->parent, name);
    return rc < 0 ? layer_failed(layer, "remove", hidden, rc) : 0;
  }
  /* Linux lets everybody make this one device, 0:0, since 5.8. */
  long rc = AGAIN(mknodat(layer->parent, name, S_IFCHR, 0));
  if (rc == -EEXIST) rc = 0;
  return rc < 0 ? layer_failed(layer, "hide", hidden, rc) : 0;
}
