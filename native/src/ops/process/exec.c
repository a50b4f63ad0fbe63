/* Becoming the command, and saying precisely why that did not work. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arena.h"
#include "args.h"
#include "channel.h"
#include "descriptors.h"
#include "exec.h"
#include "guard.h"
#include "ops.h"
#include "plan.h"
#include "planner.h"
#include "run.h"
#include "seal.h"
#include "start.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The program loader that an ELF file names in PT_INTERP, or "". */
static void elf_interpreter(int fd, char *name, size_t room) {
  Elf64_Ehdr head;
  if (pread(fd, &head, sizeof head, 0) != sizeof head || head.e_ident[EI_CLASS] != ELFCLASS64) return;
  for (unsigned i = 0; i < head.e_phnum && i < 64; i++) {
    Elf64_Phdr part;
    if (pread(fd, &part, sizeof part, (off_t)(head.e_phoff + i * sizeof part)) != sizeof part) return;
    if (part.p_type != PT_INTERP) continue;
    size_t length = part.p_filesz < room ? part.p_filesz : room - 1;
    ssize_t n = pread(fd, name, length, (off_t)part.p_offset);
    name[n < 0 ? 0 : n] = 0;
    return;
  }
}

/* What must exist for this file to run: the word after #!, or the ELF interpreter. */
static void interpreter(const char *path, char *name, size_t room) {
  name[0] = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return;
  char head[256];
  ssize_t n = pread(fd, head, sizeof head - 1, 0);
  if (n > 2 && head[0] == '#' && head[1] == '!') {
    head[n] = 0;
    char *from = head + 2 + strspn(head + 2, " \t");
    snprintf(name, room, "%.*s", (int)strcspn(from, " \t\n"), from);
  } else if (n > SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0) {
    elf_interpreter(fd, name, room);
  }
  close(fd);
}

/* Words for what execve(2) answered about an existing or missing `path`. */
static void explain(struct run *run, const char *path, int error) {
  struct stat st;
  struct statvfs fs;
  char name[200];
  bool exists = stat(path, &st) == 0;
  if (error == ENOENT && exists) {
    interpreter(path, name, sizeof name);
    size_t length = strlen(name);
    if (length > 0 && name[length - 1] == '\r')
      detail(run, "%s exists, but its lines end as on Windows, so its interpreter would be %.*s\\r (sed -i 's/\\r$//' mends it)",
             path, (int)length - 1, name);
    else if (length > 0) detail(run, "%s exists, but its interpreter %s does not", path, name);
    else detail(run, "%s exists, but its interpreter does not", path);
  } else if (error == ENOENT) {
    detail(run, "%s", path);
  } else if (error == EACCES && exists && S_ISDIR(st.st_mode)) {
    detail(run, "%s is a directory", path);
  } else if (error == EACCES && exists && !S_ISREG(st.st_mode)) {
    detail(run, "%s is not a regular file", path);
  } else if (error == EACCES && exists && !(st.st_mode & 0111)) {
    detail(run, "%s is not executable", path);
  } else if (error == EACCES && exists && statvfs(path, &fs) == 0 && fs.f_flag & ST_NOEXEC) {
    detail(run, "%s lies on a filesystem mounted noexec", path);
  } else {
    detail(run, "%s", path);
  }
}

/* A file without a magic number that the kernel knows is a shell script (execvp(3), POSIX). */
static void exec_script(const char *path, char **argv, char **envp) {
  size_t count = 0;
  while (argv[count]) count++;
  char **script = arena((count + 3) * sizeof *script);
  script[0] = "/bin/sh";
  script[1] = (char *)path;
  for (size_t i = 1; i < count; i++) script[i + 1] = argv[i];
  script[count > 0 ? count + 1 : 2] = NULL;
  execve(script[0], script, envp);
}

static int try(const char *path, char **argv, char **envp, enum unknown_format unknown) {
  execve(path, argv, envp);
  if (errno == ENOEXEC && unknown == SHELL_FOR_UNKNOWN) {
    exec_script(path, argv, envp);
    errno = ENOEXEC;
  }
  return errno;
}

/* Where a filter holds this process there may be no more memory to be had. */
static char found[2 * PATH_MAX], denied[sizeof found];

/* The search of execvp(3), with its answers: a file that may not be executed is the reason if no other is found. */
static int search(struct run *run, const char *file, char **argv, char **envp, enum unknown_format unknown) {
  const char *path = getenv("PATH");
  denied[0] = 0;
  for (const char *at = path ? path : DEFAULT_PATH; *file; at++) {
    size_t length = strcspn(at, ":");
    int n = snprintf(found, sizeof found, "%.*s%s%s", (int)length, at, length ? "/" : "./", file);
    int error = n < (int)sizeof found ? try(found, argv, envp, unknown) : ENAMETOOLONG;
    struct stat st;
    if (error == EACCES) {
      if (!*denied && stat(found, &st) == 0) strcpy(denied, found);
    } else if (error != ENOTDIR && (error != ENOENT || lstat(found, &st) == 0)) {
      explain(run, found, error);
      return -error;
    }
    at += length;
    if (!*at) break;
  }
  if (*denied) {
    explain(run, denied, EACCES);
    return -EACCES;
  }
  detail(run, "executable file not found in $PATH");
  return -ENOENT;
}

int exec_command(struct run *run, const char *file, char **argv, char **envp, enum unknown_format unknown) {
  if (!strchr(file, '/')) return search(run, file, argv, envp, unknown);
  int error = try(file, argv, envp, unknown);
  explain(run, file, error);
  return -error;
}

/* The command gets SIGCHLD as the launcher got it. */
static void sigchld(bool ignored) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = ignored ? SIG_IGN : SIG_DFL;
  sigaction(SIGCHLD, &action, NULL);
}

/* What exec_prepare has made ready: with a filter loaded, execve is to be the only call. */
static const struct step *prepared;
static const char *command;
static char **words;

void exec_prepare(struct run *run, const struct step *step) {
  if (prepared == step) return;
  prepared = step;
  if (step->op == OP_EXEC_OWN) {
    words = whole_words(arg_fd(run, step, 0), arg_text(run, step, 1), arg_list(run, step, 2, NULL));
  } else {
    command = arg_text(run, step, 0);
    words = arg_list(run, step, 1, NULL);
  }
  planner_dismiss(run);
  if (step->op == OP_EXEC_PATH) {
    unsigned count;
    const int64_t *keep = arg_ints(run, step, 2, &count);
    close_others(run, keep, count, false);
  }
  for (unsigned p = 0; p < MAX_PROCESSES; p++)
    if (run->to[p]) channel_send(run->to[p], MSG_EXEC, 0, NULL, 0, -1);
  if (sigchld_was_ignored) sigchld(true);
}

/*
 * Whether it is the filter that refuses execve: it decides before the kernel looks at the path,
 * and so it answers even where there is none (EFAULT without it).
 */
static bool filter_refuses(const struct run *run, int error) {
  if (!run->filtered) return false;
  syscall(SYS_execve, NULL, NULL, NULL);
  return errno == error && error != EFAULT;
}

static int refused(struct run *run, int error) {
  if (sigchld_was_ignored) sigchld(false);
  if (filter_refuses(run, -error)) detail(run, "the seccomp filter does not allow execve");
  return error;
}

int op_exec(struct run *run, const struct step *step) {
  exec_prepare(run, step);
  return refused(run, exec_command(run, command, words, environ, SHELL_FOR_UNKNOWN));
}

/* The slot holds it until it is executed, and close-on-exec takes it from any other program. */
int op_own_copy(struct run *run, const struct step *step) {
  int fd = run->start && (*run->start->own.path || run->start->whole >= 0) ? whole_copy(run->start) : -ENOENT;
  if (fd < 0) {
    detail(run, "%s", run->start ? run->start->own.path : "");
    return fd;
  }
  out_int(run, step, 0, fd);
  return 0;
}

int op_exec_own(struct run *run, const struct step *step) {
  exec_prepare(run, step);
  return refused(run, become_whole(arg_fd(run, step, 0), words));
}

int op_exec_path(struct run *run, const struct step *step) {
  exec_prepare(run, step);
  execve(command, words, environ);
  int error = errno;
  /* Of a format that the kernel does not know, the answer says all. */
  if (!filter_refuses(run, error) && error != ENOEXEC) explain(run, command, error);
  return refused(run, -error);
}
