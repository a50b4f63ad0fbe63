/* Reading a plan that was decoded as operations read it: what lies outside is found by a sanitizer. */
#ifndef CTR_FUZZ_READER_H
#define CTR_FUZZ_READER_H

#include "args.h"
#include "plans.h"
#include "report.h"
#include "run.h"
#include "shape.h"

static size_t sink;

static void read_argument(struct run *run, const struct step *s, unsigned n, char kind) {
  unsigned count;
  size_t length;
  switch (kind) {
    case 'i': sink += (size_t)arg_int(run, s, n); return;
    case 't': sink += strlen(arg_text(run, s, n)); return;
    case 'o': out_int(run, s, n, (int64_t)sink); return;
    case 'b': {
      const char *blob = arg_blob(run, s, n, &length);
      for (size_t i = 0; i <= length; i++) sink += (unsigned char)blob[i];
      return;
    }
    case 'n': {
      int64_t *ints = arg_ints(run, s, n, &count);
      for (unsigned i = 0; i < count; i++) sink += (size_t)ints[i];
      return;
    }
    case 'l':
      for (char **text = arg_list(run, s, n, &count); *text; text++) sink += strlen(*text);
      return;
  }
  abort();
}

static void read_all(struct plan *plan) {
  static struct run run;
  run.plan = plan;
  run.slots = calloc(plan->nslots + 1, sizeof *run.slots);
  for (uint32_t i = 0; i < plan->nsteps; i++) {
    const struct step *s = &plan->steps[i];
    const char *kinds = op_shape(s->op)->kinds;
    for (unsigned n = 0; n < s->nargs; n++) read_argument(&run, s, n, kinds[n]);
    free(failure_of(&run, i, (int)(i % 3)));
    sink += strlen(cell_text(&run, s->line));
    if (s->undo_when) sink += plan->steps[s->undo].op;
  }
  sink += strlen(cell_text(&run, plan->tool)) + strlen(cell_text(&run, plan->log));
  free(run.slots);
}

#endif
