#include "gen/ops.h"
#include "ops.h"
#include "shape.h"

#define SHAPE(NAME, name, code, kinds, does) [code] = {#name, kinds, does, op_##name},
static const struct op_shape shapes[] = {OPS(SHAPE)};

const struct op_shape *op_shape(unsigned op) {
  return op < sizeof shapes / sizeof *shapes && shapes[op].fn ? &shapes[op] : NULL;
}

bool op_does(unsigned op, unsigned effects) { return (shapes[op].does & effects) != 0; }
