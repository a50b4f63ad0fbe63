#include "core.h"
#include "gen/ops.h"
#include "ops.h"

#define SHAPE(NAME, name, code, kinds) [code] = {#name, kinds, op_##name},
static const struct op_shape shapes[] = {OPS(SHAPE)};

const struct op_shape *op_shape(unsigned op) {
  return op < sizeof shapes / sizeof *shapes && shapes[op].fn ? &shapes[op] : NULL;
}
