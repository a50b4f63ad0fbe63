/* Arguments with their slots filled in. */
#include <errno.h>

#include "plans.h"

int main(void) {
  struct draft d;
  draft_of_all(&d);
  size_t total;
  unsigned char *base = encode_draft(&d, &total);
  static struct plan plan;
  static struct run run;
  static struct slot slots[2];
  const char *why;
  EXPECT(plan_decode(base, total, &plan, &why) == 0);
  run.plan = &plan;
  run.slots = slots;
  const struct step *self = &plan.steps[0], *print = &plan.steps[1], *exec = &plan.steps[3];

  /* a slot that nothing has filled: no descriptor, no text */
  EXPECT(arg_int(&run, print, 0) == 1);
  EXPECT(strcmp(arg_text(&run, print, 1), "pid ") == 0);

  out_int(&run, self, 0, INT64_MIN);
  EXPECT(strcmp(arg_text(&run, print, 1), "pid -9223372036854775808") == 0);
  unsigned count;
  char **list = arg_list(&run, exec, 1, &count);
  EXPECT(count == 2 && strcmp(list[0], "true") == 0 && list[2] == NULL);

  EXPECT(out_text(&run, self, 0, "42", 2) == 0);
  EXPECT(strcmp(arg_text(&run, print, 1), "pid 42") == 0);
  EXPECT(arg_int(&run, self, 0) == 42); /* a number that came as text */
  EXPECT(out_text(&run, self, 0, "4x", 2) == 0);
  EXPECT(arg_int(&run, self, 0) == -1);
  EXPECT(out_text(&run, self, 0, "x", MAX_SLOT_TEXT + 1) == -E2BIG);
  out_int(&run, self, 0, 7); /* after a failure the slot can be filled again */
  EXPECT(arg_fd(&run, self, 0) == 7);
  out_int(&run, self, 0, 1ll << 40);
  EXPECT(arg_fd(&run, self, 0) == -1);

  const struct step *groups = &plan.steps[2];
  int64_t *ints = arg_ints(&run, groups, 0, &count);
  EXPECT(count == 1 && ints[0] == 5);
  EXPECT(strcmp(cell_text(&run, 0), "") == 0);
  free(base);
  return test_end("args");
}
