/* Union mounts, and what the directory on top of one is like. */
#include "args.h"
#include "attributes.h"
#include "overlay.h"
#include "plan.h"
#include "run.h"

int op_overlay(struct run *run, const struct step *step) {
  struct overlay o = {.target = arg_text(run, step, 0),
                      .upper = arg_text(run, step, 2),
                      .work = arg_text(run, step, 3),
                      .attr = (uint64_t)arg_int(run, step, 4)};
  o.lower = arg_list(run, step, 1, &o.lowers);
  o.options = arg_list(run, step, 5, &o.noptions);
  int mount = overlay_mount(run->detail, &o);
  if (mount < 0) return mount;
  out_int(run, step, 6, mount);
  return 0;
}

int op_copy_attr(struct run *run, const struct step *step) {
  int from = (int)AGAIN(open(arg_text(run, step, 0), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int to = (int)AGAIN(open(arg_text(run, step, 1), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int rc = from < 0 ? from : to < 0 ? to : copy_attributes(from, to);
  close_fd(from);
  close_fd(to);
  return rc;
}
