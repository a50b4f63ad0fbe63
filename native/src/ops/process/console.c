/* A terminal in the container's own devpts. */
#include "args.h"
#include "mounting.h"
#include "path.h"
#include "plan.h"
#include "run.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441 /* asm-generic/ioctls.h, Linux 4.13 */
#endif
#ifndef TIOCSPTLCK
#define TIOCSPTLCK 0x40045431
#endif

static bool on_devpts(int fd) {
  struct statfs fs;
  return fstatfs(fd, &fs) == 0 && fs.f_type == MAGIC_DEVPTS;
}

/*
 * The pty multiplexer, proved to be that of a devpts: an image may put another device, a FIFO or
 * a link where it is looked for, and opening those can block or do things.
 */
static int open_master(struct run *run, int root) {
  int pts = open_inside(root, "/dev/pts", O_PATH | O_DIRECTORY);
  if (pts < 0) {
    detail(run, "/dev/pts");
    return pts;
  }
  long master = on_devpts(pts) ? AGAIN(openat(pts, "ptmx", O_PATH | O_NOFOLLOW | O_CLOEXEC)) : -ENODEV;
  struct stat st;
  if (master >= 0) {
    bool right = on_devpts((int)master) && fstat((int)master, &st) == 0 && S_ISCHR(st.st_mode) &&
                 st.st_rdev == makedev(5, 2);
    close_fd((int)master);
    master = right ? AGAIN(openat(pts, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC)) : -ENODEV;
  }
  close_fd(pts);
  if (master == -ENODEV) detail(run, "no devpts is mounted at /dev/pts");
  return above_stdio((int)master);
}

/*
 * /dev/console, made where it is missing. A link that an image put there is not followed: it would have the terminal
 * mounted over a file of its choice (CVE-2025-52565 and CVE-2026-88264 are of that family).
 */
static int open_console(struct run *run, int root) {
  const char *name;
  int parent = open_parent(root, "/dev/console", &name);
  if (parent < 0) return parent;
  long fd = AGAIN(openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (fd == -ENOENT) {
    fd = AGAIN(openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOCTTY | O_CLOEXEC, 0600));
    close_fd((int)fd);
    if (fd >= 0 || fd == -EEXIST) fd = AGAIN(openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  }
  close_fd(parent);
  if (fd < 0) return (int)fd;
  int mode = fd_mode((int)fd);
  if (mode >= 0 && !S_ISLNK((mode_t)mode)) return above_stdio((int)fd);
  close_fd((int)fd);
  if (mode >= 0) detail(run, "/dev/console is a link");
  return mode < 0 ? mode : -ELOOP;
}

/* The terminal's end over /dev/console (runtime-linux.md, Dev symbolic links: "bind-mounting the pseudoterminal slave"). */
static int bind_console(struct run *run, int root, int slave) {
  long tree = sys_open_tree(slave, "", AT_EMPTY_PATH | OPEN_TREE_CLONE);
  if (tree < 0 && tree != -ENOSYS) return (int)tree;
  int target = open_console(run, root);
  int rc = target;
  if (target < 0) {
    if (!run->detail[0]) detail(run, "/dev/console");
  } else if (tree >= 0) {
    rc = mount_attach((int)tree, target);
  } else {
    char source[32];
    snprintf(source, sizeof source, "/proc/self/fd/%d", slave);
    rc = mount_at(source, target, NULL, MS_BIND, NULL);
  }
  close_fd(target);
  close_fd((int)tree);
  return rc;
}

/* What the plan says, or else our own terminal's: the command may ask before anybody relays. */
static struct winsize wanted_size(struct run *run, const struct step *step) {
  struct winsize size = {.ws_row = (unsigned short)arg_int(run, step, 1),
                         .ws_col = (unsigned short)arg_int(run, step, 2)};
  for (int fd = 0; fd < 3 && !size.ws_row && !size.ws_col; fd++)
    if (ioctl(fd, TIOCGWINSZ, &size) != 0) size = (struct winsize){0};
  return size;
}

/*
 * What a file or a pipe is to have are the command's own newlines, as under runc, which leaves ONLCR out of any terminal
 * that it relays, and has the caller's own put it in again. Where ours goes to a terminal it stays: there both give
 * the same, but for a program that switches it off and then means a newline alone.
 */
static void bare_newlines(int master) {
  struct termios now;
  if (isatty(1) || tcgetattr(master, &now) != 0) return;
  now.c_oflag &= ~(tcflag_t)ONLCR;
  (void)tcsetattr(master, TCSANOW, &now);
}

int op_console(struct run *run, const struct step *step) {
  int root = arg_fd(run, step, 0);
  struct winsize size = wanted_size(run, step);
  int master = open_master(run, root);
  if (master < 0) return master;
  int unlocked = 0;
  long rc = AGAIN(ioctl(master, TIOCSPTLCK, &unlocked));
  /* By the master and not by name: no other file can be meant. */
  long slave = rc < 0 ? rc : above_stdio((int)AGAIN(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)));
  rc = slave < 0 ? slave : 0;
  if (rc == 0 && (size.ws_row || size.ws_col)) rc = AGAIN(ioctl(master, TIOCSWINSZ, &size));
  if (rc == 0 && arg_int(run, step, 4)) bare_newlines(master);
  if (rc == 0 && arg_int(run, step, 3)) rc = bind_console(run, root, (int)slave);
  if (rc < 0) {
    close_fd((int)slave);
    close_fd(master);
    return (int)rc;
  }
  out_int(run, step, 5, master);
  out_int(run, step, 6, slave);
  return 0;
}
