/*
 * A request from its fields: the name, then `ARGUMENT=VALUE` in the table's order, where a list's value
 * is how many fields of it follow. What is not exactly so comes from another version of the planner.
 */
#include "request.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct fields {
  char *at, *end;
};

static char *next(struct fields *f) {
  char *field = f->at;
  if (f->at >= f->end) return NULL;
  f->at += strlen(f->at) + 1;
  return field;
}

static int number(const char *text, int64_t *value) {
  char *end;
  errno = 0;
  *value = strtoll(text, &end, 10);
  return errno || end == text || *end ? -EPROTO : 0;
}

static int items(struct fields *f, struct request_arg *arg, bool ints) {
  if (arg->number < 0 || arg->number > f->end - f->at) return -EPROTO; /* a field has a byte at least */
  size_t n = (size_t)arg->number;
  arg->list = calloc(n + 1, sizeof *arg->list);
  arg->ints = ints ? calloc(n + 1, sizeof *arg->ints) : NULL;
  if (!arg->list || (ints && !arg->ints)) return -ENOMEM;
  for (size_t i = 0; i < n; i++) {
    arg->list[i] = next(f);
    if (!arg->list[i]) return -EPROTO;
    if (arg->ints && number(arg->list[i], arg->ints + i) != 0) return -EPROTO;
  }
  return 0;
}

/* One argument: `shape` is the letter of its kind and its name. */
static int argument(struct fields *f, struct request_arg *arg, const char *shape, size_t length) {
  char *field = next(f);
  if (!field || strncmp(field, shape + 1, length - 1) != 0 || field[length - 1] != '=') return -EPROTO;
  arg->text = field + length;
  if (*shape == 't') return 0;
  int rc = number(arg->text, &arg->number);
  return rc == 0 && *shape != 'i' ? items(f, arg, *shape == 'n') : rc;
}

int request_read(struct request *r, char *bytes, size_t n) {
  static const struct {
    const char *name, *args;
    request_fn *fn;
  } known[] = {
#define ROW(name, args) {#name, args, request_##name},
      REQUESTS(ROW)
#undef ROW
  };
  struct fields f = {bytes, bytes + n};
  const char *name = next(&f);
  *r = (struct request){.fd = -1};
  for (unsigned i = 0; name && i < sizeof known / sizeof *known; i++) {
    if (strcmp(name, known[i].name) != 0) continue;
    const char *shape = known[i].args;
    for (unsigned arg = 0; *shape; arg++) {
      size_t length = strcspn(shape, " ");
      int rc = argument(&f, r->args + arg, shape, length);
      if (rc < 0) words_say(r->words, "the request %s has no argument %.*s where it belongs", name, (int)length - 1, shape + 1);
      if (rc < 0) return rc;
      shape += length + (shape[length] == ' ');
    }
    if (f.at != f.end) words_say(r->words, "the request %s has too many fields", name);
    r->fn = known[i].fn;
    return f.at == f.end ? 0 : -EPROTO;
  }
  words_say(r->words, "there is no request %.40s", name ? name : "without a name");
  return -EPROTO;
}
