/* rm -r by descriptors. */
#include "tree.h"

#include "kernel.h"
#include "words.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>

/*
 * A directory is entered only after its descriptor was proved to be on the same device as the
 * tree, and by O_NOFOLLOW: whoever exchanges names while we work makes us remove nothing
 * outside. A bind mount of the same filesystem shows itself by EBUSY at rmdir(2) and by its
 * mount's ID before that.
 */
struct place {
  dev_t dev;
  uint64_t mount;
};

static int place_of(int fd, struct place *place) {
  struct stat st;
  if (fstat(fd, &st) != 0) return -errno;
  place->dev = st.st_dev;
  place->mount = fd_mount(fd);
  return 0;
}

static int empty(char *words, int dir, const struct place *top, char *path, size_t length);

/* Remove one name of `dir`. `path` is for words alone. */
static int remove_name(char *words, int dir, const char *name, const struct place *top, char *path,
                       size_t length) {
  long rc = AGAIN(unlinkat(dir, name, 0));
  if (rc == 0 || rc == -ENOENT) return 0;
  if (rc != -EISDIR && rc != -EPERM) goto failed;
  long fd = AGAIN(openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd == -ENOENT) return 0;
  if (fd == -ENOTDIR || fd == -ELOOP) goto failed; /* it was the unlinking that was not permitted */
  if (fd < 0) {
    rc = fd;
    goto failed;
  }
  struct place here;
  rc = place_of((int)fd, &here);
  if (rc == 0 && (here.dev != top->dev || here.mount != top->mount)) {
    words_say(words, "%s is a mount point", path);
    rc = -EBUSY;
  }
  if (rc == 0) rc = empty(words, (int)fd, top, path, length);
  close_fd((int)fd);
  if (rc < 0) return (int)rc;
  rc = AGAIN(unlinkat(dir, name, AT_REMOVEDIR));
  if (rc == 0 || rc == -ENOENT) return 0;
failed:
  if (!words[0]) words_say(words, "%s", path);
  return (int)rc;
}

/* Remove everything in `dir`, again while something is left, for readdir(3) may miss what moves. */
static int empty(char *words, int dir, const struct place *top, char *path, size_t length) {
  long again = AGAIN(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (again < 0) return (int)again;
  DIR *entries = fdopendir((int)again);
  if (!entries) {
    close_fd((int)again);
    return -ENOMEM;
  }
  int rc = 0;
  struct dirent *entry;
  while (rc == 0 && (errno = 0, entry = readdir(entries))) {
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    size_t n = strlen(name);
    /* Words only; a path too long for them is still removed. */
    size_t next = length + n + 1 < PATH_MAX ? length + n + 1 : length;
    if (next != length) {
      path[length] = '/';
      memcpy(path + length + 1, name, n + 1);
    }
    rc = remove_name(words, dir, name, top, path, next);
    path[length] = '\0';
  }
  if (rc == 0 && errno != 0) rc = -errno;
  closedir(entries);
  return rc;
}

int remove_tree(char *words, const char *given) {
  char path[PATH_MAX];
  size_t length = strlen(given);
  if (length >= sizeof path) return -ENAMETOOLONG;
  memcpy(path, given, length + 1);
  while (length > 1 && path[length - 1] == '/') path[--length] = '\0';
  /* The parent tells which mount the tree's top belongs to: a top that is a mount point stays. */
  char above[PATH_MAX];
  memcpy(above, path, length + 1);
  char *slash = strrchr(above, '/');
  const char *name = slash ? path + (slash - above) + 1 : path;
  if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return -EINVAL;
  if (slash) slash[slash == above] = '\0';
  long dir = AGAIN(open(slash ? above : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (dir < 0) return dir == -ENOENT ? 0 : (int)dir;
  struct place top;
  int rc = place_of((int)dir, &top);
  if (rc == 0) rc = remove_name(words, (int)dir, name, &top, path, length);
  close_fd((int)dir);
  return rc;
}
