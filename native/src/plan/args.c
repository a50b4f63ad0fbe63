/* Slots, and how an operation reads its arguments. The kinds were checked by the decoder. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "args.h"
#include "plan.h"
#include "run.h"

static const struct cell *argument(const struct run *run, const struct step *step, unsigned n) {
  return &run->plan->cells[step->args + n];
}

/* A number that came as text (from another process, from a file) is a number where one is wanted. */
static int64_t slot_int(const struct slot *slot) {
  if (slot->kind == SLOT_INT) return slot->number;
  if (slot->kind == SLOT_EMPTY) return -1;
  char *end;
  errno = 0;
  long long value = strtoll(slot->text, &end, 10);
  return errno || end == slot->text || *end ? -1 : value;
}

static int64_t cell_int(const struct run *run, const struct cell *cell) {
  return cell->kind == CELL_SLOT ? slot_int(&run->slots[cell->value]) : (int64_t)cell->value;
}

static size_t slot_length(const struct slot *slot) {
  return slot->kind == SLOT_TEXT ? slot->length : slot->kind == SLOT_INT ? 21 : 0;
}

static char *put_slot(char *to, const struct slot *slot) {
  if (slot->kind == SLOT_INT) return to + sprintf(to, "%lld", (long long)slot->number);
  if (slot->kind == SLOT_EMPTY) return to;
  memcpy(to, slot->text, slot->length);
  return to + slot->length;
}

/* Bytes lie in the plan with their NUL; all else is put together in the arena. */
static const char *filled(struct run *run, const struct cell *cell, size_t *length) {
  const struct plan *plan = run->plan;
  if (cell->kind == CELL_BYTES) {
    *length = cell->length;
    return plan->data + cell->value;
  }
  const struct cell *parts = cell->kind == CELL_TEMPLATE ? &plan->cells[cell->value] : cell;
  uint32_t count = cell->kind == CELL_TEMPLATE ? cell->length : 1;
  size_t room = 1;
  for (uint32_t i = 0; i < count; i++)
    room += parts[i].kind == CELL_BYTES ? parts[i].length : slot_length(&run->slots[parts[i].value]);
  char *text = arena(room), *at = text;
  for (uint32_t i = 0; i < count; i++) {
    if (parts[i].kind == CELL_BYTES) {
      memcpy(at, plan->data + parts[i].value, parts[i].length);
      at += parts[i].length;
    } else {
      at = put_slot(at, &run->slots[parts[i].value]);
    }
  }
  *at = 0;
  *length = (size_t)(at - text);
  return text;
}

int64_t arg_int(const struct run *run, const struct step *step, unsigned n) {
  return cell_int(run, argument(run, step, n));
}

int to_id(int64_t value, bool may_stay, uid_t *id) {
  if (!(value >= 0 && value < UINT32_MAX) && !(may_stay && value == -1)) return -EINVAL;
  *id = (uid_t)value;
  return 0;
}

int arg_id(const struct run *run, const struct step *step, unsigned n, bool may_stay, uid_t *id) {
  return to_id(arg_int(run, step, n), may_stay, id);
}

int arg_fd(const struct run *run, const struct step *step, unsigned n) {
  int64_t value = arg_int(run, step, n);
  return value < 0 || value > INT32_MAX ? -1 : (int)value;
}

const void *arg_blob(struct run *run, const struct step *step, unsigned n, size_t *length) {
  return filled(run, argument(run, step, n), length);
}

const char *arg_text(struct run *run, const struct step *step, unsigned n) {
  size_t length;
  return filled(run, argument(run, step, n), &length);
}

char **arg_list(struct run *run, const struct step *step, unsigned n, unsigned *count) {
  const struct cell *list = argument(run, step, n);
  char **texts = arena((list->length + 1) * sizeof *texts);
  for (uint32_t i = 0; i < list->length; i++) {
    size_t length;
    texts[i] = (char *)filled(run, &run->plan->cells[list->value + i], &length);
  }
  texts[list->length] = NULL;
  if (count) *count = list->length;
  return texts;
}

int64_t *arg_ints(struct run *run, const struct step *step, unsigned n, unsigned *count) {
  const struct cell *list = argument(run, step, n);
  int64_t *ints = arena((list->length + 1) * sizeof *ints);
  for (uint32_t i = 0; i < list->length; i++) ints[i] = cell_int(run, &run->plan->cells[list->value + i]);
  *count = list->length;
  return ints;
}

static struct slot *out_slot(struct run *run, const struct step *step, unsigned n) {
  struct slot *slot = &run->slots[argument(run, step, n)->value];
  free(slot->text);
  *slot = (struct slot){.kind = SLOT_EMPTY};
  return slot;
}

void out_int(struct run *run, const struct step *step, unsigned n, int64_t value) {
  struct slot *slot = out_slot(run, step, n);
  slot->kind = SLOT_INT;
  slot->number = value;
}

int out_text(struct run *run, const struct step *step, unsigned n, const char *text, size_t length) {
  struct slot *slot = out_slot(run, step, n);
  if (length > MAX_SLOT_TEXT) return -E2BIG;
  slot->text = malloc(length + 1);
  if (!slot->text) return -ENOMEM;
  memcpy(slot->text, text, length);
  slot->text[length] = 0;
  slot->length = length;
  slot->kind = SLOT_TEXT;
  return 0;
}

const char *cell_text(struct run *run, uint32_t cell) {
  size_t length;
  return cell == 0 ? "" : filled(run, &run->plan->cells[cell], &length);
}

void detail(struct run *run, const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(run->detail, sizeof run->detail, format, list);
  va_end(list);
}
