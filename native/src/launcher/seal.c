/*
 * Running from a copy of ourselves that nobody can write: a process in a container may open
 * /proc/PID/exe of the launcher that made it, and write through it to the file on disk
 * (CVE-2019-5736). A sealed memfd has no file and cannot be written; where the system forbids
 * to execute one (vm.memfd_noexec=2), a file without a name, opened for reading only, does it.
 *
 * What must survive the exec travels in argv, because the environment is the command's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "arena.h"
#include "guard.h"
#include "io.h"
#include "kernel.h"
#include "ops.h"
#include "own_limits.h"
#include "plan.h"
#include "planner.h"
#include "report.h"
#include "seal.h"
#include "shape.h"
#include "start.h"

#define MARK "ctr-launcher (sealed)"
#define WHOLE_MARK "ctr-launcher (whole)"
enum { TOLD = 3 }; /* words before the caller's: a mark, a state, the launcher's own file or the tools installed */

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1u
#endif
#ifndef MFD_ALLOW_SEALING
#define MFD_ALLOW_SEALING 2u
#endif
#ifndef MFD_EXEC /* Linux 6.3 */
#define MFD_EXEC 0x10u
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#define F_SEAL_SEAL 1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#define F_SEAL_WRITE 8
#endif
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#ifndef SYS_execveat
#error "execveat(2) is needed: Linux 3.19"
#endif

int running_file(const struct start *s) {
  int fd = s->whole >= 0 ? fcntl(s->whole, F_DUPFD_CLOEXEC, 3) : open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

enum part { CORE, WHOLE };

static int copy_to(int to, int from, enum part part) {
  struct stat st;
  int error = fstat(from, &st) < 0 ? errno : 0;
  off_t at = 0, left = st.st_size;
  /* The engine and its image stay outside: what runs a container does not plan. */
  if (!error && part == CORE && launcher_core) (void)launcher_core(from, &at, &left);
  while (!error && left > 0) {
    ssize_t n = sendfile(to, from, &at, (size_t)left);
    if (n > 0) left -= n;
    else if (n == 0) error = EIO;
    else if (errno != EINTR) error = errno;
  }
  return -error;
}

static int in_memory(int from, enum part part) {
  unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int fd = (int)syscall(SYS_memfd_create, "ctr-launcher", flags | MFD_EXEC);
  if (fd < 0 && errno == EINVAL) fd = (int)syscall(SYS_memfd_create, "ctr-launcher", flags);
  if (fd < 0) return -errno;
  int error = copy_to(fd, from, part);
  if (!error && fcntl(fd, F_ADD_SEALS, SEALS) < 0) error = -errno;
  if (!error) return fd;
  close(fd);
  return error;
}

/* A file without a name where one can be made and executed; then again, for reading only. */
static int unlinked(const char *directory, int from, enum part part) {
  int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0500);
  if (fd < 0) return -errno;
  int error = copy_to(fd, from, part);
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int reading = error ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (!error && reading < 0) error = -errno;
  close(fd); /* while anybody has it open for writing, execve says ETXTBSY */
  return error ? error : reading;
}

/* Where a file without a name may be made. */
static const char *const places[] = {"/run", "/dev/shm", "/tmp", "/var/tmp", "."};
enum { PLACES = sizeof places / sizeof *places };

static void become(int fd, char **argv) {
  if (fd < 0) return;
  syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
  close(fd);
}

/* The words that are told before the caller's. */
static char **telling(const char *mark, const char *state, const char *more, char **argv) {
  size_t count = 0;
  while (argv[count]) count++;
  char **told = arena((count + TOLD + 1) * sizeof *told);
  told[0] = (char *)mark;
  told[1] = (char *)state;
  told[2] = (char *)more;
  memcpy(told + TOLD, argv, (count + 1) * sizeof *told);
  return told;
}

void seal(const struct start *s, char **argv) {
  char state[256];
  snprintf(state, sizeof state, "%llu %d %d %d %d %d %d %d %u %d", (unsigned long long)s->started_ns,
           (int)s->planner, s->socket, s->plan, s->stdio[0], s->stdio[1], s->stdio[2], sigchld_was_ignored,
           (unsigned)s->own.owner, s->whole);
  char **told = telling(MARK, state, s->own.path, argv);
  const int handed[] = {s->socket, s->plan, s->whole};
  for (unsigned i = 0; i < sizeof handed / sizeof *handed; i++)
    if (handed[i] >= 0) fcntl(handed[i], F_SETFD, 0);
  int from = running_file(s), fd = from;
  limits_lift();
  if (from >= 0) fd = in_memory(from, CORE);
  limits_restore();
  become(fd, told);
  int error = fd < 0 ? -fd : errno;
  for (unsigned i = 0; from >= 0 && i < PLACES; i++) {
    limits_lift();
    fd = unlinked(places[i], from, CORE);
    limits_restore();
    become(fd, told);
  }
  if (error == EMFILE) die(125, "make a sealed copy of the launcher: %s%s", strerror(error), limits_hint(error));
  die(125, "make a sealed copy of the launcher: %s; it needs /proc, and memfd_create or a directory for "
           "temporary files that is not mounted noexec", strerror(error));
}

int whole_copy(const struct start *s) {
  if (s->whole >= 0) return running_file(s);
  int from = open(s->own.path, O_RDONLY | O_CLOEXEC);
  if (from < 0) return -errno;
  limits_lift();
  int fd = in_memory(from, WHOLE);
  for (unsigned i = 0; fd < 0 && i < PLACES; i++) fd = unlinked(places[i], from, WHOLE);
  limits_restore();
  close(from);
  return fd < 0 ? fd : high_fd(fd);
}

char **whole_words(int fd, const char *installed, char **argv) {
  char *state = arena(16);
  snprintf(state, 16, "%d", fd);
  fcntl(fd, F_SETFD, 0);
  return telling(WHOLE_MARK, state, installed, argv);
}

int become_whole(int fd, char **words) {
  syscall(SYS_execveat, fd, "", words, environ, AT_EMPTY_PATH);
  return -errno;
}

/* Nobody can write to this file. */
static bool is_sealed(int fd) {
  struct stat st;
  int seals = fcntl(fd, F_GET_SEALS);
  return (seals >= 0 && (seals & SEALS) == SEALS) || (fstat(fd, &st) == 0 && st.st_nlink == 0);
}

/* What runs is such a file. */
static bool runs_sealed(void) {
  int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  bool ok = fd >= 0 && is_sealed(fd);
  if (fd >= 0) close(fd);
  return ok;
}

/* ps(1) shall show what the caller called: move the arguments to where the kernel looks for them. */
static void show_arguments(char **argv, int argc) {
  char *start = argv[0], *end = argv[argc - 1] + strlen(argv[argc - 1]) + 1;
  ptrdiff_t gap = argv[TOLD] - start;
  memmove(start, argv[TOLD], (size_t)(end - argv[TOLD]));
  memset(end - gap, 0, (size_t)gap);
  for (int i = TOLD; i < argc; i++) argv[i] -= gap;
}

/* The told words are read: what is left is what the caller called. */
static void forget_told(int *argc, char ***argv) {
  show_arguments(*argv, *argc);
  *argv += TOLD;
  *argc -= TOLD;
  const char *slash = strrchr((*argv)[0], '/');
  prctl(PR_SET_NAME, slash ? slash + 1 : (*argv)[0], 0, 0, 0);
}

bool whole(struct start *s, int *argc, char ***argv) {
  if (*argc < TOLD + 1 || strcmp((*argv)[0], WHOLE_MARK) != 0) return false;
  int fd = atoi((*argv)[1]);
  if (fd < 3 || !is_sealed(fd)) die(125, "this is not a sealed copy of the launcher");
  s->whole = high_fd(fd);
  s->installed = strdup((*argv)[2]);
  if (!s->installed) die(125, "out of memory");
  forget_told(argc, argv);
  tool_name = (*argv)[0];
  /* What an image has at /proc would tell of this process whatever the image likes. */
  struct statfs fs;
  if (statfs("/proc", &fs) != 0 || fs.f_type != MAGIC_PROC)
    die(125, "there is no procfs at /proc in this root; ns-enter --mount-proc mounts one, and so does --new pid");
  return true;
}

bool sealed(struct start *s, int *argc, char ***argv) {
  if (*argc < TOLD + 1 || strcmp((*argv)[0], MARK) != 0) return false;
  unsigned long long started;
  int ignored;
  if (strlen((*argv)[2]) >= sizeof s->own.path ||
      sscanf((*argv)[1], "%llu %d %d %d %d %d %d %d %u %d", &started, &s->planner, &s->socket, &s->plan,
             &s->stdio[0], &s->stdio[1], &s->stdio[2], &ignored, &s->own.owner, &s->whole) != 10)
    die(125, "this copy of the launcher was started by somebody else");
  /* In a root without /proc the whole copy, which this one was made from, vouches for it. */
  if (s->whole >= 0 ? !is_sealed(s->whole) : !runs_sealed()) die(125, "this is not a sealed copy of the launcher");
  s->started_ns = started;
  strcpy(s->own.path, (*argv)[2]);
  sigchld_was_ignored = ignored;
  forget_told(argc, argv);
  if (s->whole >= 0) s->whole = high_fd(s->whole);
  if (s->socket >= 0) s->socket = high_fd(s->socket);
  if (s->plan >= 0) s->plan = high_fd(s->plan);
  return true;
}

/*
 * Whether a step may show the launcher's file to a process of a container. A namespace of one's own of these kinds
 * shows nobody a process that they did not see before, and gives nobody rights over it: whoever leaves it at that
 * becomes the command as it is.
 */
static bool shows_file(const struct plan *plan, const struct step *step) {
  const uint64_t apart = CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | CLONE_NEWTIME;
  const struct cell *flags = plan->cells + step->args;
  if (step->op == OP_UNSHARE && flags->kind == CELL_INT && !(flags->value & ~apart)) return false;
  return op_does(step->op, DOES_SEALS);
}

bool wants_seal(const struct plan *plan) {
  for (uint32_t i = 0; i < plan->nsteps; i++)
    if (shows_file(plan, plan->steps + i)) return true;
  return false;
}
