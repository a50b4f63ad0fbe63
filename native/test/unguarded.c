/*
 * Guards that can be taken out, one at a time, for controls: an attack that fails is worth something
 * where the same attack succeeds without the guard that stops it. The linker puts these functions in
 * the places of the launcher's own (ld(1), --wrap); nothing of this is in what is installed.
 *
 * CTR_UNGUARDED names what is taken out, with commas between:
 *   descriptors  nothing is closed before a command's path is looked up
 *   directory    the working directory is not checked to lie inside the root
 *   dumpable     the launcher can be looked into by whoever has its IDs (CVE-2016-9962)
 *   sealing      the launcher runs from its file, and not from a copy
 *   writing      the copy is not sealed against writing
 *   paths        a path inside the root is looked up and made as if it were joined to the root's own path
 *   mounts       nobody looks where the mounts came to lie
 *   null         what stands at /dev/null is taken for the device, a link there is followed
 *   console      a link at /dev/console is followed
 *   planner      the planner's system calls are not filtered (qemu's user mode knows no filter)
 *   procfs       a file of procfs is opened by its path, whatever is mounted there
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel.h"
#include "mounting.h"
#include "plan.h"
#include "proc.h"
#include "run.h"
#include "start.h"
#include "walk.h"

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#define F_SEAL_WRITE 8
#endif

static char taken_out[80];

/* Before main: later the environment is the command's. */
__attribute__((constructor)) static void begin(void) {
  const char *words = getenv("CTR_UNGUARDED");
  if (words && strlen(words) < sizeof taken_out) strcpy(taken_out, words);
}

static bool without(const char *guard) {
  size_t length = strlen(guard);
  for (const char *at = taken_out; (at = strstr(at, guard)); at += length)
    if ((at == taken_out || at[-1] == ',') && (at[length] == ',' || at[length] == 0)) return true;
  return false;
}

void __real_close_others(struct run *run, const int64_t *keep, unsigned count, bool directories);
void __wrap_close_others(struct run *run, const int64_t *keep, unsigned count, bool directories);
void __wrap_close_others(struct run *run, const int64_t *keep, unsigned count, bool directories) {
  if (!without("descriptors")) __real_close_others(run, keep, count, directories);
}

void __real_close_from(int first);
void __wrap_close_from(int first);
void __wrap_close_from(int first) {
  if (!without("descriptors")) __real_close_from(first);
}

int __real_directory_inside(void);
int __wrap_directory_inside(void);
int __wrap_directory_inside(void) { return without("directory") ? 0 : __real_directory_inside(); }

int __real_prctl(int option, ...);
int __wrap_prctl(int option, ...);
int __wrap_prctl(int option, ...) {
  unsigned long given[4];
  va_list list;
  va_start(list, option);
  for (unsigned i = 0; i < 4; i++) given[i] = va_arg(list, unsigned long);
  va_end(list);
  if (option == PR_SET_DUMPABLE && without("dumpable")) given[0] = 1;
  if (option == PR_SET_SECCOMP && without("planner")) return 0;
  return __real_prctl(option, given[0], given[1], given[2], given[3]);
}

void __real_seal(const struct start *start, char **argv);
void __wrap_seal(const struct start *start, char **argv);
void __wrap_seal(const struct start *start, char **argv) {
  if (!without("sealing")) __real_seal(start, argv);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  long given = va_arg(list, long);
  va_end(list);
  bool writing = without("writing");
  if (command == F_ADD_SEALS && writing) given &= ~F_SEAL_WRITE;
  int result = __real_fcntl(fd, command, given);
  return command == F_GET_SEALS && result >= 0 && writing ? result | F_SEAL_WRITE : result;
}

/* A path as it is joined to another: what it leads through is followed wherever that goes. */
static const char *joined(const char *path) {
  while (*path == '/') path++;
  return *path ? path : ".";
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...) {
  long given[6];
  va_list list;
  va_start(list, number);
  for (unsigned i = 0; i < 6; i++) given[i] = va_arg(list, long);
  va_end(list);
  struct kernel_open_how how;
  if (number == SYS_openat2) {
    how = *(const struct kernel_open_how *)given[2];
    if (without("paths")) {
      given[1] = (long)joined((const char *)given[1]);
      how.resolve = 0;
    }
    if (without("null") && strcmp((const char *)given[1], "/dev/null") == 0) how.flags &= ~(uint64_t)O_NOFOLLOW;
    given[2] = (long)&how;
  }
  return __real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

int __real_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  unsigned mode = va_arg(list, unsigned);
  va_end(list);
  if (without("console") && strcmp(path, "console") == 0) flags &= ~O_NOFOLLOW;
  return __real_openat(directory, path, flags, mode);
}

int __real_walk_make(int root, const char *path, enum make make, mode_t mode);
int __wrap_walk_make(int root, const char *path, enum make make, mode_t mode);
int __wrap_walk_make(int root, const char *path, enum make make, mode_t mode) {
  if (!without("paths")) return __real_walk_make(root, path, make, mode);
  char part[PATH_MAX];
  snprintf(part, sizeof part, "%s", joined(path));
  bool directory = make == MAKE_DIRECTORY || (make == MAKE_LIKE_SOURCE && S_ISDIR(mode));
  for (char *at = strchr(part, '/'); at; at = strchr(at + 1, '/')) {
    *at = 0;
    (void)mkdirat(root, part, 0755);
    *at = '/';
  }
  if (directory) (void)mkdirat(root, part, 0755);
  else close(openat(root, part, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
  int fd = openat(root, part, O_PATH | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int __real_op_check_mounts(struct run *run, const struct step *step);
int __wrap_op_check_mounts(struct run *run, const struct step *step);
int __wrap_op_check_mounts(struct run *run, const struct step *step) {
  return without("mounts") ? 0 : __real_op_check_mounts(run, step);
}

bool __real_null_device(int fd);
bool __wrap_null_device(int fd);
bool __wrap_null_device(int fd) { return without("null") || __real_null_device(fd); }

int __real_open_proc(const char *path, int flags);
int __wrap_open_proc(const char *path, int flags);
int __wrap_open_proc(const char *path, int flags) {
  if (!without("procfs")) return __real_open_proc(path, flags);
  char whole[PATH_MAX];
  snprintf(whole, sizeof whole, "/proc/%s", joined(path));
  int fd = open(whole, flags | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}
