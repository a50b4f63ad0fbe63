/*
 * The decoder of plans. It trusts nothing; what it lets pass needs no second look: every index
 * lies inside its table, every text inside the data, every cell is of a kind that its place
 * allows. packages/plan/src/encode.ts is the other half.
 */
#include <errno.h>
#include <string.h>

#include "ops.h"
#include "plan.h"
#include "run.h"
#include "shape.h"

enum {
  VERSION = 1,
  MAX_TOTAL = 64 << 20,
  MAX_STEPS = 65535,
  MAX_SLOTS = 4096,
};

static const char magic[8] = "CTRPLAN";

_Static_assert(sizeof(struct step) == 40, "as encoded");
_Static_assert(sizeof(struct cell) == 16, "as encoded");

static uint32_t field(const void *header, unsigned n) {
  uint32_t value;
  memcpy(&value, (const char *)header + 8 + n * 4, 4);
  return value;
}

size_t plan_announced(const void *header) {
  if (memcmp(header, magic, 8) != 0 || field(header, 0) != VERSION) return 0;
  uint32_t total = field(header, 1);
  return total >= PLAN_HEADER && total <= MAX_TOTAL ? total : 0;
}

/* `count` things of `size` bytes from `offset` on lie inside `total`. */
static bool inside(uint64_t offset, uint64_t count, uint64_t size, uint64_t total) {
  return offset <= total && count * size <= total - offset; /* both factors are below 2^32 */
}

static bool bytes_fit(const struct plan *p, const struct cell *c, bool blob) {
  if (c->value >= p->data_length || c->length >= p->data_length - c->value) return false;
  const char *text = p->data + c->value;
  return text[c->length] == 0 && (blob || !memchr(text, 0, c->length));
}

/* A text, a blob or a part of a template: bytes or a slot. */
static bool part_fits(const struct plan *p, const struct cell *c, bool blob) {
  if (c->kind == CELL_BYTES) return bytes_fit(p, c, blob);
  return c->kind == CELL_SLOT && c->value < p->nslots;
}

static bool cells_fit(const struct plan *p, const struct cell *c) {
  return c->value < p->ncells && c->length <= p->ncells - c->value;
}

static bool text_fits(const struct plan *p, const struct cell *c, bool blob) {
  if (c->kind != CELL_TEMPLATE) return part_fits(p, c, blob);
  if (!cells_fit(p, c)) return false;
  for (uint32_t i = 0; i < c->length; i++)
    if (!part_fits(p, &p->cells[c->value + i], blob)) return false;
  return true;
}

static bool int_fits(const struct plan *p, const struct cell *c) {
  return c->kind == CELL_INT || (c->kind == CELL_SLOT && c->value < p->nslots);
}

static bool argument_fits(const struct plan *p, const struct cell *c, char kind) {
  switch (kind) {
    case 'i': return int_fits(p, c);
    case 't': return text_fits(p, c, false);
    case 'b': return text_fits(p, c, true);
    case 'o': return c->kind == CELL_SLOT && c->value < p->nslots;
    case 'l':
    case 'n':
      if (c->kind != CELL_LIST || !cells_fit(p, c)) return false;
      for (uint32_t i = 0; i < c->length; i++) {
        const struct cell *e = &p->cells[c->value + i];
        if (kind == 'l' ? !text_fits(p, e, false) : !int_fits(p, e)) return false;
      }
      return true;
  }
  return false;
}

/* A sentence: cell 0 (nil) stands for none. */
static bool sentence_fits(const struct plan *p, uint32_t cell) {
  return cell == 0 || (cell < p->ncells && text_fits(p, &p->cells[cell], false));
}

static bool fixed_text_fits(const struct plan *p, uint32_t cell) {
  return cell == 0 || (cell < p->ncells && p->cells[cell].kind == CELL_BYTES &&
                       bytes_fit(p, &p->cells[cell], false));
}

static bool words_fit(const struct plan *p, const struct step *s) {
  if (!sentence_fits(p, s->doing) || !sentence_fits(p, s->line)) return false;
  if (!inside(s->hints, (uint64_t)s->nhints * 2, 1, p->ncells)) return false;
  for (uint32_t i = 0; i < s->nhints; i++) {
    const struct cell *pair = &p->cells[s->hints + 2 * i];
    if (pair[0].kind != CELL_INT || !text_fits(p, &pair[1], false)) return false;
  }
  if (!inside(s->unless, s->nunless, 1, p->ncells)) return false;
  for (uint32_t i = 0; i < s->nunless; i++)
    if (p->cells[s->unless + i].kind != CELL_INT) return false;
  return true;
}

/* Operations that change which process this is, or end it, can be nobody's undoing. */
static bool can_undo(unsigned op) {
  return !op_does(op, DOES_CLONES | DOES_ENDS | DOES_ASKS);
}

static const char *step_wrong(const struct plan *p, const struct step *s) {
  const struct op_shape *shape = op_shape(s->op);
  if (!shape) return "an operation that this launcher does not know: it is older than the planner";
  if (s->process >= p->nprocesses) return "a step of a process that does not exist";
  if (s->undoing > 1 || s->undo_when > 2 || s->unused) return "a step with unknown marks";
  if (op_does(s->op, DOES_ASKS) && s->process != 0) return "a question by another process than the launcher";
  if (s->undoing && (s->undo_when != 0 || !can_undo(s->op))) return "an undoing that cannot be one";
  if (s->undo_when != 0) {
    if (s->undo >= p->nsteps) return "an undoing outside the plan";
    const struct step *u = &p->steps[s->undo];
    if (!u->undoing || u->process != s->process) return "an undoing that is none";
  }
  if (s->nargs != strlen(shape->kinds) || !inside(s->args, s->nargs, 1, p->ncells))
    return "a wrong number of arguments";
  for (unsigned i = 0; i < s->nargs; i++)
    if (!argument_fits(p, &p->cells[s->args + i], shape->kinds[i])) return "an argument of a wrong kind";
  if (!words_fit(p, s)) return "words outside the plan";
  return NULL;
}

static const char *tables_wrong(struct plan *p, const unsigned char *base, size_t total) {
  if (total < PLAN_HEADER) return "too short";
  if ((uintptr_t)base % 8 != 0) return "not aligned";
  if (memcmp(base, magic, 8) != 0) return "not a plan";
  if (field(base, 0) != VERSION) return "of another version";
  if (total > MAX_TOTAL || field(base, 1) != total) return "of another length than it says";
  uint32_t steps = field(base, 5), cells = field(base, 7), data = field(base, 8);
  *p = (struct plan){
      .base = base,
      .total = (uint32_t)total,
      .nslots = field(base, 2),
      .nprocesses = field(base, 3),
      .nsteps = field(base, 4),
      .ncells = field(base, 6),
      .data_length = field(base, 9),
      .tool = field(base, 10),
      .exit_code = field(base, 11),
      .log = field(base, 12),
      .log_format = field(base, 13),
      .fault_step = field(base, 14),
      .fault_mode = field(base, 15),
      .flags = field(base, 16),
  };
  if (p->nslots > MAX_SLOTS) return "with too many slots";
  if (p->nprocesses < 1 || p->nprocesses > MAX_PROCESSES) return "with too many processes";
  if (p->nsteps < 1 || p->nsteps > MAX_STEPS) return "with too many steps, or none";
  if (p->ncells < 1) return "without cells";
  if (steps % 8 != 0 || cells % 8 != 0) return "not aligned";
  if (steps < PLAN_HEADER || cells < PLAN_HEADER || data < PLAN_HEADER ||
      !inside(steps, p->nsteps, sizeof(struct step), total) ||
      !inside(cells, p->ncells, sizeof(struct cell), total) || !inside(data, p->data_length, 1, total))
    return "with tables outside itself";
  p->steps = (const struct step *)(const void *)(base + steps);
  p->cells = (const struct cell *)(const void *)(base + cells);
  p->data = (const char *)base + data;
  if (p->cells[0].kind != CELL_NIL) return "without the empty cell";
  if (p->exit_code > 255 || p->log_format > 2 || p->fault_mode > 2 || (p->flags & ~3u) != 0)
    return "with unknown flags";
  for (unsigned unused = 17; unused < (PLAN_HEADER - 8) / 4; unused++)
    if (field(base, unused) != 0) return "with unknown fields";
  if (!fixed_text_fits(p, p->tool) || !fixed_text_fits(p, p->log))
    return "with words outside itself";
  return NULL;
}

int plan_decode(const void *base, size_t total, struct plan *plan, const char **why) {
  *why = tables_wrong(plan, base, total);
  for (uint32_t i = 0; !*why && i < plan->nsteps; i++) *why = step_wrong(plan, &plan->steps[i]);
  return *why ? -EINVAL : 0;
}
