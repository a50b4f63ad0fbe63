/* Running a program to its end: hooks, newuidmap, CRIU. */
#include "args.h"
#include "ops.h"
#include "plan.h"
#include "program.h"
#include "run.h"

extern char **environ;

int op_helper(struct run *run, const struct step *step) {
  struct program program = {.file = arg_text(run, step, 0),
                            .argv = arg_list(run, step, 1, NULL),
                            .env = arg_int(run, step, 5) ? environ : arg_list(run, step, 2, NULL),
                            .root = arg_fd(run, step, 6),
                            .cwd = arg_text(run, step, 7),
                            .timeout = arg_int(run, step, 4)};
  program.input = arg_blob(run, step, 3, &program.size);
  return run_program(run, &program);
}
