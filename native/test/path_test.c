/* Paths inside a root, with openat2 and without it: both must answer the same. */
#include "kernel.h"
#include "path.h"
#include "proc.h"
#include "walk.h"

#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static int failures;
static char base[] = "/tmp/ctr-test-path-XXXXXX";

#define CHECK(what)                                                       \
  do {                                                                    \
    if (!(what)) {                                                        \
      failures++;                                                         \
      fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #what,      \
              kernel_without_openat2 ? "walking" : "openat2");            \
    }                                                                     \
  } while (0)

static bool same(int fd, const char *path) {
  struct stat a, b;
  char whole[4096];
  snprintf(whole, sizeof whole, "%s/%s", base, path);
  bool is = fd >= 0 && fstat(fd, &a) == 0 && lstat(whole, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
  if (fd >= 0) close(fd);
  return is;
}

static void opens(int root) {
  CHECK(same(open_inside(root, "/", O_PATH), "root"));
  CHECK(same(open_inside(root, "", O_PATH), "root"));
  CHECK(same(open_inside(root, "a/b/file", O_PATH), "root/a/b/file"));
  CHECK(same(open_inside(root, "//a/./b/../b//file", O_RDONLY), "root/a/b/file"));
  CHECK(same(open_inside(root, "../../../../a", O_PATH), "root/a"));
  CHECK(same(open_inside(root, "a/../..", O_PATH | O_DIRECTORY), "root"));
  /* Absolute and climbing links stay inside. */
  CHECK(same(open_inside(root, "absolute", O_PATH), "root/a/b"));
  CHECK(same(open_inside(root, "absolute/file", O_RDONLY), "root/a/b/file"));
  CHECK(same(open_inside(root, "climb/a", O_PATH), "root/a"));
  CHECK(same(open_inside(root, "top", O_PATH), "root"));
  CHECK(same(open_inside(root, "a/b/rel/b", O_PATH), "root/a/b"));
  CHECK(same(open_inside(root, "absolute", O_PATH | O_NOFOLLOW), "root/absolute"));
  CHECK(open_inside(root, "absolute", O_RDONLY | O_NOFOLLOW) == -ELOOP);
  CHECK(open_inside(root, "loop1", O_PATH) == -ELOOP);
  CHECK(open_inside(root, "loop1/x", O_PATH) == -ELOOP);
  CHECK(open_inside(root, "a/b/file/", O_PATH) == -ENOTDIR);
  CHECK(open_inside(root, "a/b/file/..", O_PATH) == -ENOTDIR);
  CHECK(open_inside(root, "a/b/file", O_PATH | O_DIRECTORY) == -ENOTDIR);
  CHECK(open_inside(root, "nothing", O_PATH) == -ENOENT);
  CHECK(open_inside(root, "dangling", O_PATH) == -ENOENT);
  CHECK(open_inside(root, "secret", O_PATH) == -ENOENT); /* beside the root, and only there */
  CHECK(open_inside(root, "nothing/new", O_WRONLY | O_CREAT) == -ENOENT);
  CHECK(same(open_inside(root, "a/made", O_WRONLY | O_CREAT), "root/a/made"));
  CHECK(fcntl(open_inside(root, "a", O_PATH), F_GETFD) == FD_CLOEXEC);
}

static void makes(int root) {
  CHECK(same(open_target(root, "/m/n/o", MAKE_DIRECTORY, 0), "root/m/n/o"));
  CHECK(same(open_target(root, "/m/n/f", MAKE_FILE, 0), "root/m/n/f"));
  CHECK(same(open_target(root, "/m/like", MAKE_LIKE_SOURCE, S_IFREG | 0600), "root/m/like"));
  CHECK(same(open_target(root, "/m/liked", MAKE_LIKE_SOURCE, S_IFDIR | 0700), "root/m/liked"));
  CHECK(same(open_target(root, "/dangling/deep", MAKE_DIRECTORY, 0), "root/var/run/deep"));
  CHECK(same(open_target(root, "/outside/deep", MAKE_DIRECTORY, 0), "root/nowhere/deep"));
  CHECK(open_target(root, "/a/b/file/x", MAKE_DIRECTORY, 0) == -ENOTDIR);
  CHECK(open_target(root, "/none", MAKE_NOTHING, 0) == -ENOENT);
  const char *last = NULL;
  CHECK(same(open_parent(root, "/p/q/r", &last), "root/p/q") && strcmp(last, "r") == 0);
  CHECK(same(open_parent(root, "r//", &last), "root") && strcmp(last, "r") == 0);
  CHECK(open_parent(root, "/x/..", &last) == -EINVAL);
  CHECK(open_parent(root, "/", &last) == -EINVAL);
  struct stat st;
  mode_t old = umask(077);
  int fd = open_target(root, "/masked/d", MAKE_DIRECTORY, 0);
  umask(old);
  CHECK(fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0755);
  close(fd);
}

/* Magic links lead out of any root, and are refused. */
static void magic(void) {
  int proc = real_proc();
  CHECK(proc >= 0);
  CHECK(open_inside(proc, "self/root", O_PATH) == -ELOOP);
  CHECK(open_inside(proc, "self/fd/0/x", O_PATH) == -ELOOP);
  CHECK(open_inside(proc, "self/ns/net", O_RDONLY) == -ELOOP);
  int fd = open_inside(proc, "mounts", O_RDONLY); /* an ordinary link of procfs */
  CHECK(fd >= 0);
  close(fd);
  fd = open_proc("sys/kernel/hostname", O_RDONLY);
  CHECK(fd >= 0);
  close(fd);
  CHECK(open_proc("../etc/passwd", O_RDONLY) < 0);
  CHECK(open_proc("nothing", O_RDONLY) == -ENOENT);
}

/* While another process exchanges a directory with a link to the host's root, no open may see the host. */
static void race(int root) {
  char one[4096], two[4096];
  snprintf(one, sizeof one, "%s/root/swap", base);
  snprintf(two, sizeof two, "%s/root/swap2", base);
  CHECK(mkdir(one, 0755) == 0);
  CHECK(symlink("../../../../../../..", two) == 0);
  pid_t pid = fork();
  if (pid == 0)
    for (;;) syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, two, 2 /* RENAME_EXCHANGE */);
  struct stat host, got;
  stat("/etc", &host);
  int made = 0;
  for (int i = 0; i < 5000; i++) {
    int fd = open_inside(root, "swap/etc", O_PATH);
    if (fd >= 0) {
      CHECK(fstat(fd, &got) == 0 && !(got.st_ino == host.st_ino && got.st_dev == host.st_dev));
      close(fd);
    }
    fd = open_target(root, "swap/made", MAKE_DIRECTORY, 0);
    if (fd >= 0) made++, close(fd);
  }
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  CHECK(made > 0);
  CHECK(access("/made", F_OK) != 0);
}

/* What stood there when the walk came to it is not what is opened then: that is said, for the caller to try again. */
static void exchanged(int root) {
  close(openat(root, "a/b/other", O_CREAT | O_WRONLY, 0600));
  pid_t pid = fork();
  if (pid == 0)
    for (;;) syscall(SYS_renameat2, root, "a/b/file", root, "a/b/other", RENAME_EXCHANGE);
  bool noticed = false;
  for (int i = 0; i < 1000000 && !noticed; i++) {
    int fd = walk_open(root, "a/b/file", O_RDONLY);
    noticed = fd == -EAGAIN;
    if (fd >= 0) close(fd);
  }
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  CHECK(noticed);
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *at) {
  (void)st, (void)type, (void)at;
  return remove(path);
}

static void once(bool walking) {
  char path[4096];
  strcpy(base, "/tmp/ctr-test-path-XXXXXX");
  if (!mkdtemp(base) || chdir(base) != 0) abort();
  kernel_without_openat2 = walking;
  if (system("mkdir -p root/a/b root/etc && echo x >root/a/b/file && echo s >secret && cd root &&"
             "ln -s /a/b absolute && ln -s ../../../.. climb && ln -s / top && ln -s .. a/b/rel &&"
             "ln -s loop2 loop1 && ln -s loop1 loop2 && ln -s /var/run dangling && ln -s ../../../nowhere outside") != 0)
    abort();
  snprintf(path, sizeof path, "%s/root", base);
  int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  opens(root);
  makes(root);
  magic();
  race(root);
  if (walking) exchanged(root);
  close(root);
  if (chdir("/") != 0 || nftw(base, drop, 16, FTW_DEPTH | FTW_PHYS) != 0) abort();
}

int main(void) {
  once(false);
  once(true);
  if (failures) fprintf(stderr, "path: %d failed\n", failures);
  else puts("path: ok");
  return failures != 0;
}
