/* libFuzzer over the decoder of plans: what it lets pass is read as operations read it. */
#include "arena.h"
#include "reader.h"

/* In the place of src/plan/arena.c, which gives nothing back: each piece by itself, until the input is done with. */
static struct piece {
  struct piece *next;
  _Alignas(16) char room[];
} *pieces;

void *arena(size_t size) {
  struct piece *one = malloc(sizeof *one + size);
  if (!one) abort();
  one->next = pieces;
  pieces = one;
  return one->room;
}

static void give_back(void) {
  while (pieces) {
    struct piece *next = pieces->next;
    free(pieces);
    pieces = next;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  unsigned char *plan = malloc(size ? size : 1); /* aligned, and of exactly that size */
  memcpy(plan, data, size);
  struct plan decoded;
  const char *why = NULL;
  if (size >= PLAN_HEADER && plan_announced(plan) > (64 << 20)) abort();
  if (plan_decode(plan, size, &decoded, &why) == 0) read_all(&decoded);
  else if (!why) abort();
  give_back();
  free(plan);
  return 0;
}

/* The first input, of which all others are made: a plan with every kind of cell. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  if (size < PLAN_HEADER || seed % 1024 == 0) {
    struct draft d;
    draft_of_all(&d);
    unsigned char *plan = encode_draft(&d, &size);
    if (size > most) abort();
    memcpy(data, plan, size);
    free(plan);
  }
  size = LLVMFuzzerMutate(data, size, most);
  /* What stands in every plan: else nothing behind it is ever looked at. */
  static const uint32_t version = 1;
  if (size >= PLAN_HEADER && seed % 64 != 0) {
    uint32_t total = (uint32_t)size;
    memcpy(data, "CTRPLAN", 8);
    memcpy(data + 8, &version, 4);
    memcpy(data + 12, &total, 4);
  }
  return size;
}
