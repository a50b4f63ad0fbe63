/* A decoded plan. Everything in it was checked once; nothing points outside. */
#ifndef CTR_PLAN_H
#define CTR_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
  uint32_t unless;    /* cells of errnos that are not a failure; -1: every one */
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
/* The length that a header announces, or 0 if it is not a header of ours. `n` is at least PLAN_HEADER. */
#define PLAN_HEADER 96
size_t plan_announced(const void *header);

#endif
