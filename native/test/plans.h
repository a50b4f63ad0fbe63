/* Making plans by hand, for tests of what reads them. */
#ifndef CTR_TEST_PLANS_H
#define CTR_TEST_PLANS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "channel.h"
#include "io.h"
#include "ops.h"
#include "plan.h"
#include "report.h"
#include "run.h"
#include "shape.h"
#include "words.h"

static unsigned test_failures;

#define EXPECT(what)                                                        \
  do {                                                                      \
    if (!(what)) {                                                          \
      printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #what);             \
      test_failures++;                                                      \
    }                                                                       \
  } while (0)

static inline int test_end(const char *name) {
  printf("%s: %s\n", name, test_failures ? "FAILED" : "ok");
  return test_failures != 0;
}

struct draft {
  struct step steps[32];
  struct cell cells[128];
  char data[1024];
  uint32_t nsteps, ncells, ndata, nslots, nprocesses;
};

static inline uint32_t put_cell(struct draft *d, uint32_t kind, uint32_t length, uint64_t value) {
  d->cells[d->ncells] = (struct cell){kind, length, value};
  return d->ncells++;
}

static inline uint32_t put_bytes(struct draft *d, const char *text) {
  uint32_t at = d->ndata, length = (uint32_t)strlen(text);
  memcpy(d->data + at, text, length + 1);
  d->ndata += length + 1;
  return put_cell(d, CELL_BYTES, length, at);
}

/* Four steps with every kind of cell: print of a template, exec with a list, an undoing, points. */
static inline void draft_of_all(struct draft *d) {
  memset(d, 0, sizeof *d);
  d->nslots = 2;
  d->nprocesses = 2;
  put_cell(d, CELL_NIL, 0, 0);
  uint32_t doing = put_bytes(d, "do a thing");
  uint32_t parts = put_bytes(d, "pid ");
  put_cell(d, CELL_SLOT, 0, 1);
  uint32_t print = put_cell(d, CELL_INT, 0, 1);
  put_cell(d, CELL_TEMPLATE, 2, parts);
  uint32_t list = put_bytes(d, "true");
  put_cell(d, CELL_TEMPLATE, 2, parts);
  uint32_t exec = put_bytes(d, "/bin/true");
  put_cell(d, CELL_LIST, 2, list);
  uint32_t groups = put_cell(d, CELL_INT, 0, 5);
  uint32_t setgroups = put_cell(d, CELL_LIST, 1, groups);
  uint32_t self = put_cell(d, CELL_SLOT, 0, 1);
  uint32_t hints = put_cell(d, CELL_INT, 0, 2);
  put_bytes(d, "look again");
  uint32_t unless = put_cell(d, CELL_INT, 0, UINT64_MAX);
  d->steps[0] = (struct step){.op = OP_SELF_PID, .args = self, .nargs = 1, .doing = doing};
  d->steps[1] = (struct step){.op = OP_PRINT, .args = print, .nargs = 2, .undo_when = 2, .undo = 4,
                              .doing = doing, .hints = hints, .nhints = 1};
  d->steps[2] = (struct step){.op = OP_SETGROUPS, .process = 1, .args = setgroups, .nargs = 1,
                              .unless = unless, .nunless = 1};
  d->steps[3] = (struct step){.op = OP_EXEC, .args = exec, .nargs = 2, .doing = doing, .exit_code = 9};
  d->steps[4] = (struct step){.op = OP_PRINT, .undoing = 1, .args = print, .nargs = 2};
  d->nsteps = 5;
}

/* As encode.ts writes it; malloc'd, of exactly that size, so that a sanitizer sees what lies beyond. */
static inline unsigned char *encode_draft(const struct draft *d, size_t *total) {
  uint32_t steps = PLAN_HEADER, cells = steps + d->nsteps * 40, data = cells + d->ncells * 16;
  *total = data + d->ndata;
  unsigned char *base = calloc(1, *total);
  uint32_t fields[18] = {1, (uint32_t)*total, d->nslots, d->nprocesses, d->nsteps, steps, d->ncells, cells,
                         data, d->ndata, 0, 125};
  memcpy(base, "CTRPLAN", 8);
  memcpy(base + 8, fields, sizeof fields);
  memcpy(base + steps, d->steps, d->nsteps * sizeof(struct step));
  memcpy(base + cells, d->cells, d->ncells * sizeof(struct cell));
  memcpy(base + data, d->data, d->ndata);
  return base;
}

#endif
