/* Names of the UTS namespace. */
#include "args.h"
#include "kernel.h"
#include "plan.h"
#include "run.h"

#include <string.h>

int op_hostname(struct run *run, const struct step *step) {
  const char *name = arg_text(run, step, 0);
  return (int)AGAIN(sethostname(name, strlen(name)));
}

int op_domainname(struct run *run, const struct step *step) {
  const char *name = arg_text(run, step, 0);
  return (int)KERNEL(SYS_setdomainname, name, strlen(name));
}
