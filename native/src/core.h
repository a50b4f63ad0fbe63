/* What the files of the launcher's core share among themselves. */
#ifndef CTR_CORE_H
#define CTR_CORE_H

#include <limits.h>
#include <signal.h>

#include "launcher.h"

/* --- arena.c: memory that stays until the process ends */

void *arena(size_t size); /* never NULL: a launcher without memory ends with a message */

/* --- report.c: a failure in words */

#define MAX_SENTENCE 8192

struct failure {
  uint32_t step;
  int32_t error;     /* errno, or E_DETAIL */
  int32_t exit_code; /* of the launcher */
  int32_t signal;    /* end by this signal, without a word; 0: none */
  int32_t killed;    /* a process was killed by SIGKILL before its command ran */
  char sentence[MAX_SENTENCE];
};

/* The words for step `at`, which failed with `error`, with the slots as they are now. */
struct failure *failure_of(struct run *run, uint32_t at, int error);
/* Say it, as process 0 or as one that was let go: stderr, log file, the plan where asked. */
void report_failure(struct run *run, const struct failure *failure);
/* The words of such a failure go to this descriptor too. */
void report_also_to(int fd);
/* Something that went wrong while taking down; nobody's exit code changes. */
void report_warning(struct run *run, const char *sentence);
/* To the log alone, if there is one. */
void log_warning(struct run *run, const char *sentence);
/* --- end_words.c */

enum end_kind { END_LEFT, END_LIMIT, END_SAID };
/* To be said when everything is taken down. `early`: instead, where a command was killed before it began; or NULL. */
void end_words(struct run *run, enum end_kind kind, const char *sentence, const char *early);
void end_words_say(struct run *run);
/* The sentence for a command that was killed before it began, which is said then; or NULL. */
const char *end_words_early(void);

/* A message of the launcher's own, before there is a plan: `TOOL: MESSAGE`. Ends with `code`. */
_Noreturn void die(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern const char *tool_name;
enum log_format { LOG_NONE, LOG_TEXT, LOG_JSON };
/* Errors and warnings go to this file too. Ends where it cannot be opened. */
void open_log(struct run *run, const char *path, enum log_format format);

/* --- channel.c */

enum message_type {
  MSG_POINT = 1, /* number: the point */
  MSG_FD,        /* a descriptor comes with it */
  MSG_EXEC,      /* the next thing is execve: the channel's end means that it worked */
  MSG_RUNNING,   /* my command runs, and I stay with it */
  MSG_BYE,       /* I go, all is well, go on without me */
  MSG_ABORT,     /* take down what you made, and go */
  MSG_FAILED,    /* payload: struct failure, as long as its sentence */
  MSG_WARNING,   /* payload: a sentence */
  MSG_STOPPED,   /* number: the signal that stopped my command; I am a PID 1 and cannot stop of it */
  MSG_SIGNALED,  /* number: the signal that I would end by if I were no PID 1 */
};

struct message {
  struct message *next;
  int fd; /* or -1 */
  uint32_t type;
  int32_t number;
  size_t length;
  char payload[]; /* NUL behind it */
};

struct channel {
  int fd;
  bool ended;   /* the other end is closed */
  bool exec;    /* MSG_EXEC came */
  bool running; /* MSG_RUNNING came */
  bool bye;     /* MSG_BYE came */
  bool aborted; /* MSG_ABORT came */
  int stopped;  /* the signal of MSG_STOPPED */
  int signaled; /* the signal of MSG_SIGNALED */
  struct failure *failed;
  struct message *queue; /* came but not asked for yet */
  struct left *left;     /* memory that both processes have, or NULL */
};

/* A failure that could perhaps not be sent. */
struct left;
/* Memory for one, for a channel to the process that is about to be cloned; NULL where there is none to be had. */
struct left *channel_memory(void);
struct channel *channel_new(int fd, struct left *left);
void channel_close(struct channel **channel);
int channel_send(struct channel *channel, enum message_type type, int number, const void *payload,
                 size_t length, int fd);
/* Leave a failure where the other process finds it when this one has gone: a store to memory, no system call. */
void channel_leave(struct channel *channel, const struct failure *failure);
/* Take in what has come; never waits. */
void channel_pump(struct run *run, struct channel *channel);
/*
 * Wait for a message of this type (and, for points, number) from process `peer`. 0 and *message,
 * which the caller frees; or a failure if the peer failed, died, or cannot send it any more.
 */
int channel_await(struct run *run, unsigned peer, enum message_type type, int number,
                  struct message **message);
/* Wait until the peer's command runs. */
int channel_await_exec(struct run *run, unsigned peer);
/* Why process `peer`, whose channel has ended without a word, has gone; reaps it. Into run->detail. */
int peer_gone(struct run *run, unsigned peer);
/* The channel to the process that argument `n` names; NULL with run->detail set if there is none. */
struct channel *channel_of(struct run *run, const struct step *step, unsigned n, unsigned *peer);

/* --- run.c */

/* Everything that a run of this plan needs, but for the planner. */
void run_begin(struct run *run, const struct plan *plan);
/* One step; 0, 1 for a failure that is passed over, or what its operation says. */
int run_step(struct run *run, uint32_t at);
/* Carry out the plan as process `run->process`, with this log or NULL. Does not return. */
_Noreturn void run_plan(struct run *run, const char *log, enum log_format format);
/* The end of a process of the plan: undo what is marked for the end; then exit with `code`, or by `signal`. */
_Noreturn void run_end(struct run *run, int code, int signal);
/* The same after a failure: everything is taken down and the failure told. */
_Noreturn void run_failed(struct run *run, struct failure *failure);
/* End by `signal` as if it had not been caught, leaving no core; where that is impossible 128+N. */
_Noreturn void die_by_signal(int signal);

/* --- guard.c: signals that would end a process which has something to undo */

/* guard_caught (io.h) tells of the signal that came. */
void guard_begin(struct run *run);
/* The same, and forgotten, with who sent it (si_code). For when signals are blocked. */
int guard_take(int *code);
/* In a cloned child: back to the dispositions that the caller gave. */
void guard_forget(void);

/* Whether the caller ignores SIGCHLD, which the launcher itself must not. Restored before exec. */
extern bool sigchld_was_ignored;

/* --- descriptors.c */

/* close(2) for this descriptor and all above it. System calls alone. */
void close_from(int first);
/*
 * close(2) for all above 2 but these (-1 among them is none) and what this process speaks to the
 * others and to its log by. Of those, too, a directory that is close-on-exec, or with
 * `directories` any directory, is closed.
 */
void close_others(struct run *run, const int64_t *keep, unsigned count, bool directories);

/* 0, or -EXDEV where the working directory lies outside of our root. */
int directory_inside(void);

/* --- op_exec.c */

enum unknown_format { REFUSE_UNKNOWN, SHELL_FOR_UNKNOWN };
/*
 * execvp(3) with the PATH of `environ`; -errno, words in run->detail. What the kernel does not know
 * how to execute is refused (ENOEXEC) or run by /bin/sh.
 */
int exec_command(struct run *run, const char *file, char **argv, char **envp, enum unknown_format unknown);
/*
 * All that makes system calls before the execve of this step: the planner is sent away, what the
 * command is not given closed, the others told. For when a filter is about to be loaded; once is enough.
 */
void exec_prepare(struct run *run, const struct step *step);

/* --- terminal.c: our terminal and the container's */

struct terminal {
  int pty;      /* the container's, or -1 */
  bool raw;     /* ours is in raw mode */
  bool in, out; /* still open */
  size_t nin, nout;
  void *saved; /* struct termios */
  char *to_pty, *from_pty;
};

void terminal_begin(struct terminal *terminal, int pty);
void terminal_raw(struct terminal *terminal);
void terminal_restore(struct terminal *terminal);
void terminal_resize(struct terminal *terminal);
/* Fill at most three pollfds; how many. */
struct pollfd;
int terminal_poll(struct terminal *terminal, struct pollfd *fds);
void terminal_relay(struct terminal *terminal, const struct pollfd *fds, int count);
/* What the container has written and we not yet, then the terminal as it was. */
void terminal_end(struct terminal *terminal);

/* --- planner.c, planner_node.c, planner_engine.c, request.c, trust.c, seal.c */

/* The launcher's own file, resolved. The sealed copy is told of it, for it has none. */
struct launcher_file {
  char path[PATH_MAX];
  uid_t owner;
};

struct start { /* what the launcher knows before there is a plan; survives the sealing */
  uint64_t started_ns;
  pid_t planner; /* 0: none */
  int socket;    /* to the planner, or -1 */
  int plan;      /* a stored plan, or -1 */
  int stdio[3];  /* F_GETFL of 0, 1, 2 before the planner, or -1 */
  struct launcher_file own;
};

/* Start the planner of this launcher; fills planner, socket and stdio. */
void planner_start(struct start *start, int argc, char **argv);
/* Its plan in memory; a planner that asks for it is started again on Node. Without a plan, ends as the planner ended. */
void *planner_plan(struct start *start, size_t *length, int argc, char **argv);
/* Node and its words and environment. Ends with words where something is missing or not to be trusted. */
struct node {
  char *words[3];
  char **env;
};
void planner_node_find(const struct launcher_file *own, struct node *node);
/* In the planner's process: become it. */
_Noreturn void planner_node_run(const struct node *node);
/* In the planner's process: plan, on the engine of this file. */
_Noreturn void planner_engine_run(void) __attribute__((weak));
/* Ends where a bit of the planner's image or of the core in this launcher's file has changed. */
void launcher_check(void) __attribute__((weak));
/* Where the launcher without the engine lies in this launcher's open file; false where it holds none. */
bool launcher_core(int fd, off_t *at, off_t *size) __attribute__((weak));
/* `--make-image`, `--check-image` (native/engine/engine.h); -1 where it is none of these. */
int build_command(int argc, char **argv) __attribute__((weak));
/* End the planner if it still lives, without waiting until its memory is given back. */
void planner_end(struct run *run);
/* The same, and wait: it is gone. */
void planner_dismiss(struct run *run);
/* O_NONBLOCK of 0, 1, 2 as they were. */
void stdio_restore(const struct start *start);
/* A memfd holding the request, at its beginning. */
int request_make(int argc, char **argv, const char *launcher);
/* Ends where the own file cannot be known. */
void find_launcher(struct launcher_file *own);
/* The same, with an empty path where it cannot be known. */
void look_for_launcher(struct launcher_file *own);
/* `relative` to the directory of the launcher, resolved and malloc'd; NULL if there is none. */
char *beside(const char *launcher, const char *relative);
/* 0, or -EPERM with the component that is not to be trusted in *culprit. `path` is resolved. */
int trusted(const char *path, uid_t owner, const char **culprit, const char **why);
/* Become a sealed copy of this file, telling it `start` and the arguments. Ends on failure. */
void seal(const struct start *start, char **argv);
/* A plan that only sets this process up and becomes the command leaves no launcher to be written to. */
bool wants_seal(const struct plan *plan);
/* In the sealed copy: take back what was told. False if this is no sealed copy. Ends if it was not sealed. */
bool sealed(struct start *start, int *argc, char ***argv);

/* --- watch_file.c */

#define MAX_WATCHED 8
/* Fill at most MAX_WATCHED pollfds; how many. */
int watched_poll(struct pollfd *fds);
/* How long poll may wait, of at most so many ms (-1: without end). */
int watched_timeout(int ms);
/* After each such poll that did not fail. */
void watched_changed(const struct pollfd *fds);
/* Look now: what they are about has come to its end, and they may be gone in a moment. */
void watched_look(void);
/* What a watched file said when it changed last, or NULL. */
const char *watched_text(const char *path);
/* What a watched file that is gone would have said more than that behind `key`, by the file of the group above. */
uint64_t watched_missed(const char *path, const char *key);

/* --- limits.c: the caller's limits, where the launcher's own business would fall under them */

/* Raise what would stop us from writing our memfds and starting the planner. */
void limits_lift(void);
/* The same as the caller gave them. */
void limits_restore(void);
/* In the planner's process before its exec: system calls alone. */
void limits_of_planner(void);
/* A hint for a planner that was killed, or "". */
const char *limits_too_low(void);

/* --- holder.c: a process that does nothing, by which something stays */

/* What it does first, with what `holder` was given: 0 or -errno. */
typedef int holder_prepare(const void *with);
/* Its PID once it is prepared, or -errno. It minds SIGKILL and SIGTERM alone, and dies with this process. */
long holder(holder_prepare *prepare, const void *with);
void holder_end(long pid);

/* --- sys.c */

/* exit_group(2); where a filter does not allow that, by a fault that no filter sees. */
_Noreturn void leave(int code);

#endif
