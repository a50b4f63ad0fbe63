/* What the parts of applying a layer share. */
#include "layer.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "path.h"
#include "tree.h"
#include "words.h"

int layer_fail(struct layer *layer, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(layer->error, sizeof layer->error, format, args);
  va_end(args);
  return -1;
}

int layer_failed(struct layer *layer, const char *what, const char *path, long error) {
  return layer_fail(layer, "%s /%s: %s", what, path, strerror((int)-error));
}

int layer_open(struct layer *layer, const char *path) {
  if (!*path) return (int)AGAIN(openat(layer->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return open_inside(layer->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int layer_remove(int dir, const char *name) {
  long rc = AGAIN(unlinkat(dir, name, 0));
  if (rc == 0 || rc == -ENOENT) return 0;
  if (rc != -EISDIR && rc != -EPERM) return (int)rc;
  char words[WORDS] = "";
  char path[PATH_MAX];
  snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir, name);
  return remove_tree(words, path);
}
