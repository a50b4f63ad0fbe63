/*
 * expect: proof that a PID read from a file still means the process it meant,
 * by a second fact (its start time) read after the process is held by a pidfd. file_says tells whether the kernel did what it was told.
 */
#include <errno.h>
#include <string.h>

#include "args.h"
#include "kernel.h"
#include "ops.h"
#include "proc.h"

int op_expect(struct run *run, const struct step *step) {
  const char *found = arg_text(run, step, 0);
  const char *wanted = arg_text(run, step, 1);
  return strcmp(found, wanted) == 0 ? 0 : -ESRCH;
}

int op_file_says(struct run *run, const struct step *step) {
  char text[512];
  ssize_t n = read_beginning(arg_text(run, step, 0), text, sizeof text - 1);
  if (n < 0) return (int)n;
  text[n] = '\0';
  text[strcspn(text, "\n")] = '\0';
  if (strcmp(text, arg_text(run, step, 1)) == 0) return 0;
  detail(run, "the kernel says \"%s\"", text);
  return -E_DETAIL;
}
