/* Operations' numbers and functions, from the one table. */
#ifndef CTR_OPS_H
#define CTR_OPS_H

#include "gen/ops.h"
#include "plan.h"
#include "run.h"

#define NUMBER(NAME, name, code, kinds, does) OP_##NAME = code,
enum op_number { OPS(NUMBER) };
#undef NUMBER

#define DECLARE(NAME, name, code, kinds, does) int op_##name(struct run *run, const struct step *step);
OPS(DECLARE)
#undef DECLARE

#endif
