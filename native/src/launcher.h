/*
 * What every file of the launcher shares: a plan as it lies in memory, a run of
 * it, and how an operation reads its arguments.
 */
#ifndef CTR_LAUNCHER_H
#define CTR_LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "io.h"
#include "path.h"
#include "signals.h"
#include "words.h"

/* --- plan.c: a decoded plan. Everything in it was checked once; nothing points outside. */

enum cell_kind { CELL_NIL, CELL_INT, CELL_BYTES, CELL_SLOT, CELL_TEMPLATE, CELL_LIST };

struct cell { /* 16 bytes, as encoded */
  uint32_t kind;
  uint32_t length; /* of bytes, without the NUL behind them; or how many cells */
  uint64_t value;  /* the integer; offset into data; slot number; first cell */
};

struct step { /* 40 bytes, as encoded */
  uint16_t op;
  uint8_t process;
  uint8_t undoing; /* carried out only as somebody's undoing */
  uint32_t args;   /* first cell */
  uint16_t nargs;
  uint16_t undo_when; /* 0 never, 1 after a failure, 2 at the end as well */
  uint32_t undo;      /* a step's index */
  uint32_t doing;     /* cell of the sentence */
  uint32_t hints;     /* pairs of cells: errno (0: any other), text */
  uint16_t nhints;
  uint16_t exit_code; /* 0: the plan's own */
  uint32_t unless;    /* cells of errnos that are no failure; -1: every one */
  uint16_t nunless;
  uint16_t unused;
  uint32_t line; /* cell of the explained step, for --debug; 0 if none */
};

enum plan_flags { PLAN_STAY = 1, PLAN_DEBUG = 2 };

struct plan {
  const unsigned char *base;
  uint32_t total;
  uint32_t nslots, nprocesses, nsteps, ncells, data_length;
  const struct step *steps;
  const struct cell *cells;
  const char *data;
  uint32_t tool, exit_code, log, log_format, fault_step, fault_mode, flags;
};

/* Check `total` bytes at `base` and make them a plan. 0, or -EINVAL with the reason in *why. */
int plan_decode(const void *base, size_t total, struct plan *plan, const char **why);
/* The length that a header announces, or 0 if it is no header of ours. `n` is at least PLAN_HEADER. */
#define PLAN_HEADER 96
size_t plan_announced(const void *header);

/* --- run.c: a plan being carried out */

#define MAX_PROCESSES 8
#define MAX_SLOT_TEXT 65536

enum slot_kind { SLOT_EMPTY, SLOT_INT, SLOT_TEXT };

struct slot {
  enum slot_kind kind;
  int64_t number;
  char *text; /* malloc'd, NUL behind it */
  size_t length;
};

struct start;   /* core.h: what the launcher knew before there was a plan */
struct channel; /* channel.c: a socket to another process of the plan */

struct run {
  const struct plan *plan;
  struct slot *slots;
  unsigned process;                  /* which process of the plan this is */
  struct channel *to[MAX_PROCESSES]; /* channels to the others, or NULL */
  pid_t child[MAX_PROCESSES];        /* those that this process cloned and has not reaped, else 0 */
  int planner;                       /* the planner's socket, -1 if it has gone */
  const struct start *start;         /* or NULL: there was no planner */
  uint64_t started_ns;               /* CLOCK_MONOTONIC when the launcher began */
  uint32_t at;                       /* the step that is being carried out */
  char detail[WORDS];                /* words of the operation's own for the failure, if it has any */
  int parent;                        /* the process that cloned this one, -1: none, or it has let go */
  uint32_t *made, nmade;             /* steps of this process that have an undoing, in order */
  struct failure *relayed;           /* another process's failure, for E_RELAYED */
  int log;                           /* the log file, open from the start, or -1 */
  int log_format;
  pid_t planner_pid;                 /* 0: reaped */
  bool planner_ended;                /* killed, and perhaps not reaped yet */
  bool peer_killed;                  /* a process of the plan died of SIGKILL before its command ran */
  bool filtered;                     /* a filter of the plan's holds this process: each system call may be refused */
};

/*
 * What an operation may return beside -errno and -E_DETAIL (words.h): run->relayed has the words of
 * the process that failed.
 */
#define E_RELAYED 4093

/*
 * An operation: 0, or a negative errno. What went wrong beyond the errno (which
 * path was missing, what a helper printed) it leaves in run->detail.
 */
typedef int op_fn(struct run *run, const struct step *step);

/* op_send.c: a connection to the Unix socket at `path`, or -errno. */
int connect_unix(const char *path);

/* Arguments by position, of kinds that the decoder already checked against gen/ops.h. */
int64_t arg_int(const struct run *run, const struct step *step, unsigned n);
int arg_fd(const struct run *run, const struct step *step, unsigned n); /* -1: none */
/*
 * A user or group ID. To setresuid(2) and chown(2) 2^32-1 means "leave it as it is", and of a larger number
 * the kernel sees the low half, which may be root: -EINVAL for both. -1 leaves it where `may_stay`.
 */
int arg_id(const struct run *run, const struct step *step, unsigned n, bool may_stay, uid_t *id);
/* The same of a value that is at hand. */
int to_id(int64_t value, bool may_stay, uid_t *id);
/*
 * Text or blob with its slots filled in, NUL behind it. It lies in the plan or in the
 * run's arena and stays until the run ends; never NULL.
 */
const char *arg_text(struct run *run, const struct step *step, unsigned n);
const void *arg_blob(struct run *run, const struct step *step, unsigned n, size_t *length);
/* NULL-terminated vector of texts. */
char **arg_list(struct run *run, const struct step *step, unsigned n, unsigned *count);
int64_t *arg_ints(struct run *run, const struct step *step, unsigned n, unsigned *count);
/* Fill an `out` argument. set_fd closes nothing: the slot owns the descriptor from here on. */
void out_int(struct run *run, const struct step *step, unsigned n, int64_t value);
int out_text(struct run *run, const struct step *step, unsigned n, const char *text, size_t length);
/* Cells outside of steps: sentences, hints. */
const char *cell_text(struct run *run, uint32_t cell);
/* printf into run->detail. */
void detail(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* gen/ops.h: OP_* numbers, and for each its argument kinds and effects; optable.c: its function. */
struct op_shape {
  const char *name;
  const char *kinds; /* one letter an argument: i int, t text, b blob, l list, n ints, o out */
  unsigned does;     /* enum effect */
  op_fn *fn;
};
const struct op_shape *op_shape(unsigned op); /* NULL if there is none */
/* Whether an operation of a decoded plan has one of these effects (DOES_…). */
bool op_does(unsigned op, unsigned effects);

/* --- proc.c */

/* A descriptor of the real procfs (PROC_SUPER_MAGIC), made once; or -errno. */
int real_proc(void);
/* Open a path below /proc by that descriptor, crossing no mount (RESOLVE_NO_XDEV). */
int open_proc(const char *path, int flags);

/* A descriptor that a file keeps for itself from step to step stands at this place; it becomes -1 when others are closed. */
void note_descriptor(int *place);

/* --- small things, sys.c */

/*
 * Start time of a process in clock ticks after boot (proc_pid_stat(5), field 22); 0, -ESRCH where
 * it has gone, or another -errno. Read from the caller's own /proc, as the planner does: it decides
 * nothing inside a container, and a procfs of our own costs more to take down than all the rest.
 */
int start_time_of(int64_t pid, int64_t *ticks);
/* The same, and its state (field 3). */
int life_of(int64_t pid, int64_t *ticks, char *state);
/* At most `room` bytes from the beginning of a file, which a FIFO or a terminal does not make wait; how many, or -errno. */
ssize_t read_beginning(const char *path, char *bytes, size_t room);
const char *errno_name(int error);                          /* "ENOENT" */

#endif
