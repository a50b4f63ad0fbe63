/* What the planner has to say and cannot write itself: an engine's log is a file. */
#include "args.h"
#include "kernel.h"
#include "ops.h"
#include "plan.h"
#include "report.h"
#include "run.h"
#include "words.h"

int op_fail(struct run *run, const struct step *step) {
  (void)run, (void)step;
  return -E_DETAIL;
}

int op_log(struct run *run, const struct step *step) {
  log_warning(run, arg_text(run, step, 0));
  return 0;
}
