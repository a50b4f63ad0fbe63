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

#include "descriptors.h"
#include "io.h"
#include "named.h"
#include "own_file.h"
#include "own_limits.h"
#include "plan.h"
#include "planner.h"
#include "report.h"
#include "request.h"
#include "run.h"
#include "seal.h"
#include "signals.h"
#include "start.h"

void look_for_launcher(struct launcher_file *own) {
  struct stat st;
  ssize_t n = readlink("/proc/self/exe", own->path, sizeof own->path - 1);
  bool known = n > 0 && own->path[0] == '/' && stat("/proc/self/exe", &st) == 0;
  own->path[known ? n : 0] = 0;
  if (known) own->owner = st.st_uid;
}

/* A copy lies in no directory: nothing is beside it. */
void find_launcher(struct launcher_file *own) {
  look_for_launcher(own);
  if (!*own->path)
    die(125, "cannot find the launcher's own file by /proc/self/exe: %s; is /proc mounted?", strerror(errno));
}

/* The planner's process: nothing but 0, 1, 2, the request on 3, the socket on 4 and what the words name is open in it. */
static _Noreturn void planner_child(const struct start *start, const struct node *node, const struct named *named,
                                    int input, int request, int socket, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent) _exit(125);
  limits_of_planner();
  named_take(named);
  /* First out of the way of 3 and 4: dup2 onto itself would leave them close-on-exec. */
  request = fcntl(request, F_DUPFD, 6);
  socket = fcntl(socket, F_DUPFD, 6);
  int program = node ? -1 : running_file(start);
  if (program >= 0 && program < 6) program = fcntl(program, F_DUPFD_CLOEXEC, 6);
  if (request < 0 || socket < 0 || (input >= 0 && dup2(input, 0) != 0) || dup2(request, 3) != 3 ||
      dup2(socket, 4) != 4 || (program >= 0 && dup2(program, 5) != 5))
    die(125, "give the planner its descriptors: %s%s", strerror(errno), limits_hint(errno));
  named_close_others(named, program < 0 ? 5 : 6);
  if (node) {
    if (!limits_allow_node())
      die(125, "this needs Node, for which the hard limit on open files (ulimit -Hn) is too low");
    planner_node_run(node);
  }
  planner_engine_run(program < 0 ? program : 5);
}

/* Start a planner for this request: on Node, or where `node` is NULL on the engine. `input` is its stdin, -1 our own. */
static void start_on(struct start *start, const struct node *node, int input, int argc, char **argv) {
  limits_lift();
  struct named named;
  named_find(&named, argc, argv);
  int request = request_make(argc, argv, start, &named), ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    die(125, "make the planner's socket: %s%s", strerror(errno), limits_hint(errno));
  start->socket = high_fd(ends[0]);
  int theirs = high_fd(ends[1]);
  pid_t parent = getpid();
  start->planner = fork();
  if (start->planner == 0) planner_child(start, node, &named, input, request, theirs, parent);
  int error = errno;
  limits_restore();
  if (start->planner < 0)
    die(125, "start the planner: %s%s", strerror(error),
        error == EAGAIN ? "; a limit on processes is reached (pids.max, ulimit -u)" : "");
  close(request);
  close(theirs);
  named_let_go(&named);
}

void planner_start(struct start *start, int argc, char **argv) {
  for (int fd = 0; fd < 3; fd++) start->stdio[fd] = fcntl(fd, F_GETFL);
  if (start->whole < 0) find_launcher(&start->own);
  start_on(start, NULL, -1, argc, argv);
  /* While it plans: it has to be done before the plan is carried out. */
  launcher_check(running_file(start));
}

/*
 * What the planner has read from stdin, all there was, as a file: behind the demand for Node stands a byte of 1
 * and then what it read. -1 where it has read nothing.
 */
static int consumed_input(int socket) {
  char part[65536];
  ssize_t n;
  while ((n = read(socket, part, 1)) < 0 && errno == EINTR) {
  }
  if (n <= 0) return -1;
  int file = high_fd(memfd_create("stdin", MFD_CLOEXEC));
  if (file < 0) die(125, "make a file for what was read from stdin: %s", strerror(errno));
  while ((n = read(socket, part, sizeof part)) > 0 || (n < 0 && errno == EINTR))
    if (n > 0 && write_all(file, part, (size_t)n) < 0)
      die(125, "keep what was read from stdin: %s", strerror(errno));
  lseek(file, 0, SEEK_SET);
  return file;
}

/* The planner on the engine said that this is for Node. It has written nothing else, and ends. */
static void start_again_on_node(struct start *start, int argc, char **argv) {
  struct node node;
  int input = consumed_input(start->socket);
  close(start->socket);
  while (waitpid(start->planner, NULL, 0) < 0 && errno == EINTR) {
  }
  planner_node_find(&start->own, &node);
  start_on(start, &node, input, argc, argv);
  if (input >= 0) close(input);
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

/* What a planner writes in a plan's place to be started again on Node. */
static const char for_node[8] = "CTRNODE";

/* The beginning of what the planner writes: a plan's header, or eight bytes for Node. How many bytes. */
static ssize_t read_header(int fd, char *header, size_t size) {
  ssize_t n;
  while ((n = recv(fd, header, sizeof for_node, MSG_WAITALL)) < 0 && errno == EINTR) {
  }
  if (n != sizeof for_node || memcmp(header, for_node, sizeof for_node) == 0) return n;
  return read_plan(fd, header + n, size - (size_t)n) ? (ssize_t)size : 1;
}

void *planner_plan(struct start *start, size_t *length, int argc, char **argv) {
  uint64_t header[PLAN_HEADER / 8];
  hand_on_to(start->planner);
  ssize_t n = read_header(start->socket, (char *)header, sizeof header);
  if (n == sizeof for_node) {
    start_again_on_node(start, argc, argv);
    hand_on_to(start->planner);
    n = read_header(start->socket, (char *)header, sizeof header);
  }
  if (n <= 0) end_as_planner(start);
  *length = n == sizeof header ? plan_announced(header) : 0;
  char *plan = *length == 0 ? MAP_FAILED
                            : mmap(NULL, *length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (plan == MAP_FAILED) die(125, "the planner wrote something that is not a plan of this launcher's version");
  memcpy(plan, header, sizeof header);
  if (!read_plan(start->socket, plan + sizeof header, *length - sizeof header))
    die(125, "the planner ended in the middle of its plan");
  hand_on_no_more();
  return plan;
}
