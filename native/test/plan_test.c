/* The decoder takes a whole plan, and refuses each single thing that is wrong with one. */
#include "plans.h"

static const char *refusal(const struct draft *d, unsigned field, uint32_t value) {
  static struct plan plan;
  const char *why = NULL;
  size_t total;
  unsigned char *base = encode_draft(d, &total);
  if (field) memcpy(base + 8 + (field - 1) * 4, &value, 4);
  int result = plan_decode(base, total, &plan, &why);
  EXPECT((result == 0) == (why == NULL));
  free(base);
  return why;
}

static struct draft whole(void) {
  struct draft d;
  draft_of_all(&d);
  return d;
}

static void takes_a_whole_plan(void) {
  struct draft d = whole();
  EXPECT(refusal(&d, 0, 0) == NULL);
}

/* Each header field, with values that would lead outside. Field n is encode.ts' fields[n - 1]. */
static void refuses_headers(void) {
  struct draft d = whole();
  static const uint32_t bad[][2] = {
      {1, 0},          {1, 2},          {2, 0},           {2, 96},         {2, 0xffffffff}, {3, 1000000},
      {4, 0},          {4, 9},          {5, 0},           {5, 0xffffffff}, {6, 4},          {6, 0xfffffff8},
      {6, 0},          {7, 0},          {7, 0xffffffff},  {7, 0x10000000}, {8, 0xfffffff8}, {8, 97},
      {9, 0xffffffff}, {10, 0xffffffff}, {11, 0xffffffff}, {11, 3},        {12, 256},       {13, 99999},
      {14, 3},         {16, 3},         {17, 4},          {18, 0x7fffffff},
  };
  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
    if (!refusal(&d, bad[i][0], bad[i][1])) {
      printf("header field %u took %u\n", bad[i][0], bad[i][1]);
      test_failures++;
    }
}

static void refuses_cut_plans(void) {
  struct draft d = whole();
  size_t total;
  unsigned char *base = encode_draft(&d, &total);
  for (size_t length = 0; length < total; length++) {
    unsigned char *cut = malloc(length ? length : 1);
    memcpy(cut, base, length);
    struct plan plan;
    const char *why;
    EXPECT(plan_decode(cut, length, &plan, &why) < 0);
    free(cut);
  }
  free(base);
}

#define REFUSES(change)                    \
  do {                                     \
    struct draft d = whole();              \
    change;                                \
    EXPECT(refusal(&d, 0, 0) != NULL);     \
  } while (0)

static void refuses_steps(void) {
  REFUSES(d.steps[0].op = 999);
  REFUSES(d.steps[0].op = 0);
  REFUSES(d.steps[0].process = 2);
  REFUSES(d.steps[0].undoing = 2);
  REFUSES(d.steps[1].undo_when = 3);
  REFUSES(d.steps[1].undo = 5);
  REFUSES(d.steps[1].undo = 0xffffffff);
  REFUSES(d.steps[1].undo = 3);
  REFUSES(d.steps[4].process = 1);
  REFUSES(d.steps[4].undo_when = 1);
  REFUSES((d.steps[4].op = OP_EXEC, d.steps[4].args = d.steps[3].args));
  REFUSES(d.steps[0].nargs = 2);
  REFUSES(d.steps[0].args = d.ncells);
  REFUSES(d.steps[0].args = 0xffffffff);
  REFUSES(d.steps[0].doing = d.ncells);
  REFUSES(d.steps[0].line = 0xffffffff);
  REFUSES(d.steps[1].hints = d.ncells - 1);
  REFUSES(d.steps[1].nhints = 0xffff);
  REFUSES(d.steps[1].hints = 1); /* texts where a pair should begin with a number */
  REFUSES(d.steps[2].unless = d.ncells);
  REFUSES(d.steps[2].unless = 1);
}

static void refuses_cells(void) {
  struct draft known = whole();
  uint32_t self = known.steps[0].args, print = known.steps[1].args, exec = known.steps[3].args,
           groups = known.steps[2].args;
  REFUSES(d.cells[0].kind = CELL_INT);
  REFUSES(d.cells[self].kind = CELL_INT);           /* nothing can be put out into a number */
  REFUSES(d.cells[self].value = 2);                 /* no such slot */
  REFUSES(d.cells[self].value = 0xffffffffffull);
  REFUSES(d.cells[print].kind = CELL_BYTES);        /* a text where a number belongs */
  REFUSES(d.cells[print].kind = 77);
  REFUSES(d.cells[print + 1].value = d.ncells);     /* a template outside */
  REFUSES(d.cells[print + 1].value = UINT64_MAX);
  REFUSES(d.cells[print + 1].length = 0xffffffff);
  REFUSES(d.cells[print + 1].value = print);        /* a template of numbers */
  REFUSES(d.cells[exec + 1].value = exec);          /* a list that holds a list */
  REFUSES(d.cells[exec + 1].length = d.ncells);
  REFUSES((d.cells[print + 1].value = d.ncells, d.cells[print + 1].length = 0)); /* though nothing of it is read */
  REFUSES(d.cells[exec].length += 1);
  REFUSES(d.data[d.cells[exec].value] = 0);         /* a NUL inside a text */
  REFUSES(d.cells[exec].length -= 1);               /* no NUL behind it */
  REFUSES(d.cells[exec].value = d.ndata);
  REFUSES(d.cells[exec].value = UINT64_MAX);
  REFUSES(d.cells[exec].length = 0xffffffff);
  REFUSES(d.cells[groups].kind = CELL_INT);
  REFUSES(d.cells[d.cells[groups].value].kind = CELL_BYTES);
}

/* The data lie behind the cells, and may look like some. */
static void refuses_lists_that_reach_behind_the_cells(void) {
  struct draft d = whole();
  struct cell like_one = {CELL_INT, 0, 7};
  uint32_t groups = d.steps[2].args;
  memmove(d.data + sizeof like_one, d.data, d.ndata);
  memcpy(d.data, &like_one, sizeof like_one);
  d.ndata += sizeof like_one;
  for (uint32_t i = 0; i < d.ncells; i++)
    if (d.cells[i].kind == CELL_BYTES) d.cells[i].value += sizeof like_one;
  d.cells[groups].value = put_cell(&d, CELL_INT, 0, 5);
  EXPECT(refusal(&d, 0, 0) == NULL);
  d.cells[groups].length = 2;
  EXPECT(refusal(&d, 0, 0) != NULL);
}

/* A question can be asked by the launcher alone: it has the planner's socket. */
static void refuses_questions_of_others(void) {
  struct draft d = whole();
  uint32_t args = put_bytes(&d, "topic");
  put_bytes(&d, "payload");
  put_cell(&d, CELL_SLOT, 0, 0);
  put_bytes(&d, "");
  d.steps[2] = (struct step){.op = OP_ASK, .args = args, .nargs = 4};
  EXPECT(refusal(&d, 0, 0) == NULL);
  d.steps[2].process = 1;
  EXPECT(refusal(&d, 0, 0) != NULL);
}

static void announces_lengths(void) {
  struct draft d = whole();
  size_t total;
  unsigned char *base = encode_draft(&d, &total);
  EXPECT(plan_announced(base) == total);
  memset(base + 12, 0xff, 4);
  EXPECT(plan_announced(base) == 0);
  base[0] = 'X';
  EXPECT(plan_announced(base) == 0);
  free(base);
}

int main(void) {
  takes_a_whole_plan();
  refuses_headers();
  refuses_cut_plans();
  refuses_steps();
  refuses_cells();
  refuses_lists_that_reach_behind_the_cells();
  refuses_questions_of_others();
  announces_lengths();
  return test_end("plan");
}
