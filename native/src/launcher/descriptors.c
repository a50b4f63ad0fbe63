/*
 * What a program that is executed can reach by its descriptors. The kernel looks a command's path
 * up before it closes what is close-on-exec (fs/exec.c: do_open_execat() comes before
 * begin_new_exec()), so an image whose /bin/sh is a link to /proc/self/fd/N/../.. would get at the
 * file system of any directory that is still open (CVE-2024-21626). So everything is closed first.
 */
#include "arena.h"
#include "channel.h"
#include "descriptors.h"
#include "kernel.h"
#include "report.h"
#include "run.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/vfs.h>

enum { USUAL = 65536, MOST = 1 << 20 }; /* MOST: fs.nr_open's default */

/* Where close_range(2) is not to be had: no descriptor above this one is open. System calls alone. */
static int highest(void) {
  struct rlimit limit;
  struct statfs fs;
  _Alignas(8) char entries[2048];
  int top = -1;
  long fd = AGAIN(open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), n = 0;
  if (fd >= 0 && fstatfs((int)fd, &fs) == 0 && fs.f_type == MAGIC_PROC)
    while ((n = KERNEL(SYS_getdents64, fd, entries, sizeof entries)) > 0)
      for (long at = 0; at < n;) {
        const char *entry = entries + at; /* struct linux_dirent64: d_reclen at 16, d_name at 19 */
        int number = atoi(entry + 19);
        if (number > top) top = number;
        at += *(const unsigned short *)(const void *)(entry + 16);
      }
  close_fd((int)fd);
  if (top >= 0 && n == 0) return top;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max > MOST) return MOST;
  /* The limit may have been lowered since. */
  return limit.rlim_max < USUAL ? USUAL : (int)limit.rlim_max;
}

void close_between(int first, int last) {
  if (first > last || KERNEL(SYS_close_range, first, last, 0) == 0) return; /* Linux 5.9 */
  int top = highest();
  for (int fd = first; fd <= last && fd <= top; fd++) close(fd);
}

void close_from(int first) { close_between(first, INT_MAX); }

static int by_number(const void *a, const void *b) {
  int x = *(const int *)a, y = *(const int *)b;
  return (x > y) - (x < y);
}

/* Descriptors that files of the launcher keep for themselves, by where they note them. */
enum { MOST_NOTED = 4 };
static int *noted[MOST_NOTED];

void note_descriptor(int *place) {
  for (unsigned i = 0; i < MOST_NOTED; i++) {
    if (noted[i] && noted[i] != place) continue;
    noted[i] = place;
    return;
  }
  die(125, "more kept descriptors than there is room for");
}

static void forget_noted(void) {
  for (unsigned i = 0; i < MOST_NOTED; i++)
    if (noted[i] && fcntl(*noted[i], F_GETFD) < 0) *noted[i] = -1;
}

static bool is_directory(int fd) {
  struct stat st;
  return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/*
 * What is ours alone goes with exec, and till then it must lead nowhere: of the descriptors to be
 * kept, a directory that the command would not have is closed whatever the plan says.
 */
static bool leads_out(int fd, bool directories) {
  return is_directory(fd) && (directories || fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

void close_others(struct run *run, const int64_t *keep, unsigned count, bool directories) {
  int *fds = arena((count + MAX_PROCESSES + 6) * sizeof *fds);
  unsigned n = 0;
  for (int fd = 0; fd < 3; fd++) fds[n++] = fd;
  for (unsigned i = 0; i < count; i++)
    if (keep[i] > 2 && keep[i] < INT_MAX && !leads_out((int)keep[i], directories)) fds[n++] = (int)keep[i];
  for (unsigned p = 0; p < MAX_PROCESSES; p++)
    if (run->to[p]) fds[n++] = run->to[p]->fd;
  fds[n++] = run->planner;
  fds[n++] = run->log;
  qsort(fds, n, sizeof *fds, by_number);
  int next = 0;
  for (unsigned i = 0; i < n; i++) {
    if (fds[i] < next) continue;
    close_between(next, fds[i] - 1);
    next = fds[i] + 1;
  }
  close_from(next);
  forget_noted();
}

/* getcwd(2): the kernel gives a directory outside of the process's root as "(unreachable)/…". */
int directory_inside(void) {
  char now[PATH_MAX];
  long rc = KERNEL(SYS_getcwd, now, sizeof now);
  return rc < 0 ? (int)rc : now[0] == '/' ? 0 : -EXDEV;
}
