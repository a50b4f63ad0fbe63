/*
 * The planner's filter, by running into it: hostile code in the planner's process can write no file, start no
 * program, open no connection and change nothing of the machine. Each attempt is made twice, in a process of its own
 * without the filter, where it works (the control), and in one with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../src/gen/planner_filter.h"

static char place[64], file[96];
static int failures;

/* Each: 0 where it worked, else errno. */
static int outcome(long result) { return result < 0 ? errno : 0; }

static int make_file(void) { return outcome(open(file, O_WRONLY | O_CREAT, 0600)); }
static int write_file(void) { return outcome(open("/dev/null", O_WRONLY)); }
static int write_and_read(void) { return outcome(open("/dev/null", O_RDWR)); }
static int append(void) { return outcome(open("/dev/null", O_RDONLY | O_APPEND)); }
static int make_by_openat(void) { return outcome(openat(AT_FDCWD, file, O_RDONLY | O_CREAT, 0600)); }
static int nameless_file(void) { return outcome(open(place, O_WRONLY | O_TMPFILE, 0600)); }
static int truncate_file(void) { return outcome(open("/dev/null", O_RDONLY | O_TRUNC)); }
static int make_directory(void) { return outcome(mkdir(file, 0700)); }
static int make_link(void) { return outcome(symlink("x", file)); }
static int make_fifo(void) { return outcome(mkfifo(file, 0600)); }
static int change_mode(void) { return outcome(chmod(place, 0700)); }
static int change_owner(void) { return outcome(chown(place, -1u, -1u)); }
static int move(void) { return outcome(rename(place, place)); }
static int memory_file(void) { return outcome(syscall(SYS_memfd_create, "x", 0u)); }
static int start_program(void) {
  /* An exec that worked would end this process with true's status. */
  execl("/bin/true", "true", (char *)NULL);
  return errno;
}
static int start_process(void) {
  long pid = syscall(SYS_clone, SIGCHLD, 0L, 0L, 0L, 0L);
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid((pid_t)pid, NULL, 0);
  return outcome(pid);
}
static int internet(void) { return outcome(socket(AF_INET, SOCK_STREAM, 0)); }
static int unix_socket(void) { return outcome(socket(AF_UNIX, SOCK_STREAM, 0)); }
static int pair(void) {
  int ends[2];
  return outcome(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
}
static int signal_parent(void) { return outcome(kill(getppid(), 0)); }
static int trace(void) { return outcome(ptrace(PTRACE_TRACEME, 0, NULL, NULL)); }
static int namespaces(void) { return outcome(unshare(CLONE_FILES)); }
static int change_directory(void) { return outcome(chdir("/")); }
static int run_written_memory(void) {
  /* Not by mmap(3), which in musl makes ENOMEM of EPERM. */
  return outcome(syscall(SYS_mmap, 0L, 4096L, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L));
}
static int make_runnable(void) {
  void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return outcome(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}
static int set_flags(void) { return outcome(fcntl(0, F_SETFL, fcntl(0, F_GETFL))); }
static int set_limit(void) {
  /* prlimit64(2) without a new limit only asks, and still is not needed. */
  return outcome(syscall(SYS_prlimit64, 0, 7, NULL, NULL));
}
static int set_attribute(void) { return outcome(setxattr(place, "user.x", "x", 1, 0)) == EPERM ? EPERM : 0; }
static int ask_terminal(void) {
  int answer = ioctl(0, TIOCGWINSZ, &(struct winsize){0});
  return answer < 0 && errno == EPERM ? EPERM : 0;
}

static const struct {
  const char *what;
  int (*attempt)(void);
} attempts[] = {
    {"make a file", make_file},
    {"open a file for writing", write_file},
    {"open a file for reading and writing", write_and_read},
    {"open a file for appending", append},
    {"make a file by openat", make_by_openat},
    {"make a file without a name", nameless_file},
    {"truncate a file", truncate_file},
    {"make a directory", make_directory},
    {"make a symbolic link", make_link},
    {"make a FIFO", make_fifo},
    {"change a mode", change_mode},
    {"change an owner", change_owner},
    {"rename", move},
    {"make a file in memory", memory_file},
    {"start a program", start_program},
    {"start a process", start_process},
    {"open an internet socket", internet},
    {"open a Unix socket", unix_socket},
    {"open a pair of sockets", pair},
    {"signal its parent", signal_parent},
    {"be traced", trace},
    {"leave a shared table of descriptors", namespaces},
    {"change the working directory", change_directory},
    {"map memory that can be written and executed", run_written_memory},
    {"make written memory executable", make_runnable},
    {"set flags of a shared description", set_flags},
    {"ask for another's limits", set_limit},
    {"set an extended attribute", set_attribute},
    {"ioctl", ask_terminal},
};

static void load(void) {
  static struct sock_filter code[] = PLANNER_FILTER;
  static const struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0)
    _exit(99);
}

/* How the attempt ended in a process of its own. */
static int tried(int (*attempt)(void), bool filtered) {
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    if (filtered) load();
    _exit(attempt());
  }
  waitpid(pid, &status, 0);
  unlink(file);
  rmdir(file);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void expect(const char *what, const char *how, int found, int wanted) {
  if (found == wanted) return;
  fprintf(stderr, "%s %s: %d, not %d\n", what, how, found, wanted);
  failures++;
}

int main(void) {
  snprintf(place, sizeof place, "/tmp/ctr-filter-test-%d", getpid());
  snprintf(file, sizeof file, "%s/new", place);
  if (mkdir(place, 0700) != 0) return 1;
  for (unsigned i = 0; i < sizeof attempts / sizeof *attempts; i++) {
    expect(attempts[i].what, "without the filter", tried(attempts[i].attempt, false), 0);
    expect(attempts[i].what, "with it", tried(attempts[i].attempt, true), EPERM);
  }
  rmdir(place);
  if (failures == 0) puts("planner_filter: ok");
  return failures != 0;
}
