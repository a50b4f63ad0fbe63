/* A tmpfs over a directory, with a copy of what the directory holds (tmpcopyup). */
#include "args.h"
#include "io.h"
#include "mounting.h"
#include "path.h"
#include "plan.h"
#include "run.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

static int copy_attributes(int from, int to, const struct stat *st) {
  long rc = AGAIN(fchown(to, st->st_uid, st->st_gid));
  if (rc == 0) rc = AGAIN(fchmod(to, st->st_mode & 07777));
  static char names[65536], value[65536];
  /* File capabilities and labels; what tmpfs does not hold is left behind (xattr(7)). */
  ssize_t length = rc == 0 ? flistxattr(from, names, sizeof names) : 0;
  for (char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
    ssize_t n = fgetxattr(from, name, value, sizeof value);
    if (n < 0) continue;
    long set = AGAIN(fsetxattr(to, name, value, (size_t)n, 0));
    if (set < 0 && set != -EOPNOTSUPP && set != -EPERM && set != -EINVAL) rc = set;
  }
  struct timespec times[2] = {st->st_atim, st->st_mtim};
  if (rc == 0) rc = AGAIN(futimens(to, times));
  return (int)rc;
}

static int copy_bytes(int from, int to) {
  static char buffer[65536];
  long n;
  while ((n = AGAIN(read(from, buffer, sizeof buffer))) > 0) {
    int rc = (int)write_all(to, buffer, (size_t)n);
    if (rc < 0) return rc;
  }
  return (int)n;
}

static int copy_directory(int from, int to);

static int copy_opened(int from, const char *name, int to, const struct stat *st) {
  bool directory = S_ISDIR(st->st_mode);
  long source = AGAIN(openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (directory ? O_DIRECTORY : 0)));
  if (source < 0) return (int)source;
  long rc = directory ? AGAIN(mkdirat(to, name, 0700)) : 0;
  long copy = rc < 0 ? rc
              : directory
                  ? AGAIN(openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))
                  : AGAIN(openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  rc = copy;
  if (copy >= 0) rc = directory ? copy_directory((int)source, (int)copy) : copy_bytes((int)source, (int)copy);
  if (rc == 0) rc = copy_attributes((int)source, (int)copy, st);
  close_fd((int)copy);
  close_fd((int)source);
  return (int)rc;
}

static int copy_entry(int from, const char *name, int to) {
  struct stat st;
  long rc = AGAIN(fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW));
  if (rc < 0) return (int)rc;
  if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)) return copy_opened(from, name, to, &st);
  if (S_ISLNK(st.st_mode)) {
    char target[4096];
    long n = AGAIN(readlinkat(from, name, target, sizeof target - 1));
    if (n < 0) return (int)n;
    target[n] = '\0';
    rc = AGAIN(symlinkat(target, to, name));
  } else {
    rc = AGAIN(mknodat(to, name, st.st_mode, st.st_rdev));
    if (rc == 0) rc = AGAIN(fchmodat(to, name, st.st_mode & 07777, 0));
  }
  if (rc == 0) rc = AGAIN(fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW));
  struct timespec times[2] = {st.st_atim, st.st_mtim};
  if (rc == 0) rc = AGAIN(utimensat(to, name, times, AT_SYMLINK_NOFOLLOW));
  return (int)rc;
}

static int copy_directory(int from, int to) {
  long fd = AGAIN(openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) return (int)fd;
  DIR *entries = fdopendir((int)fd);
  if (!entries) {
    close_fd((int)fd);
    return -ENOMEM;
  }
  int rc = 0;
  struct dirent *entry;
  while (rc == 0 && (entry = readdir(entries)))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      rc = copy_entry(from, entry->d_name, to);
  closedir(entries);
  return rc;
}

/* The copied directory's own mode and owner, as options that those of the plan come after. */
static int options_for(int from, const char *data, char *options, size_t room) {
  struct stat st;
  long rc = AGAIN(fstat(from, &st));
  if (rc < 0) return (int)rc;
  int n = snprintf(options, room, "mode=%o,uid=%u,gid=%u%s%s", st.st_mode & 07777, st.st_uid, st.st_gid,
                   *data ? "," : "", data);
  return n < (int)room ? 0 : -E2BIG;
}

int op_tmp_copy_up(struct run *run, const struct step *step) {
  char options[4096];
  uint64_t attr = 0;
  int root = arg_fd(run, step, 0);
  const char *path = arg_text(run, step, 1), *data = arg_text(run, step, 3);
  int target = open_inside(root, path, O_PATH | O_DIRECTORY), rc = 0;
  if (target >= 0) rc = options_for(target, data, options, sizeof options);
  else if (target == -ENOENT) {
    /* Nobody's mode is to be kept: tmpfs's own (01777) then, as runc has it. */
    target = open_target(root, path, MAKE_DIRECTORY, 0755);
    rc = snprintf(options, sizeof options, "%s", data) < (int)sizeof options ? 0 : -E2BIG;
  }
  if (target < 0) return target;
  unsigned long flags = (unsigned long)arg_int(run, step, 2);
  /* Read-only only when all is copied: as the mount's attribute. */
  int tmpfs = rc < 0 ? rc
                     : filesystem_new(run->detail, "tmpfs", "tmpfs", flags & ~(unsigned long)MS_RDONLY, options, &attr);
  rc = tmpfs < 0 ? tmpfs : copy_directory(target, tmpfs);
  if (flags & MS_RDONLY) attr |= MOUNT_ATTR_RDONLY;
  if (rc == 0) rc = mount_change(run->detail, tmpfs, attr, 0, 0, -1, false);
  if (rc == 0) rc = mount_attach(tmpfs, target);
  close_fd(tmpfs);
  close_fd(target);
  return rc;
}
