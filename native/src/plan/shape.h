/* What is known of every operation: its arguments, what it changes, its function. */
#ifndef CTR_SHAPE_H
#define CTR_SHAPE_H

#include "run.h"

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

#endif
