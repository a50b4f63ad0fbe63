/* cgroup_end, cgroup_mark: taking down the groups of a command that has ended, but not what was to be kept. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "cgroup_counts.h"
#include "end_words.h"
#include "io.h"
#include "kernel.h"
#include "ops.h"
#include "plan.h"
#include "run.h"

/* All groups below that can go. Whether one stays because somebody made it to be left behind. */
static bool remove_below(const char *group) {
  DIR *entries = opendir(group);
  if (!entries) return false;
  bool kept = false;
  struct dirent *entry;
  while ((entry = readdir(entries))) {
    char path[4096];
    if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", group, entry->d_name) >= sizeof path) continue;
    if (group_marked(path, KEPT_MARK)) {
      kept = true;
      continue;
    }
    kept = remove_below(path) || kept;
    (void)group_remove(path);
  }
  closedir(entries);
  return kept;
}

static bool gone(int rc) { return rc == 0; }
static bool busy(int rc) { return rc == -EBUSY || rc == -ENOTEMPTY; }

int op_cgroup_end(struct run *run, const struct step *step) {
  static bool waited; /* in vain: who is in one hierarchy's group is in those of the others too */
  const char *group = arg_text(run, step, 0);
  uint64_t until = now_ns() + (waited ? 0 : (uint64_t)arg_int(run, step, 1) * 1000000);
  /* A process that has just died still counts for a moment, so one EBUSY means little. */
  for (unsigned round = 0;; round++) {
    int rc = group_remove(group);
    if (gone(rc) || !busy(rc)) return rc;
    bool kept = remove_below(group);
    rc = group_remove(group);
    if (gone(rc)) return 0;
    if (kept) {
      end_words(run, END_LEFT, arg_text(run, step, 3), NULL);
      return 0;
    }
    if (now_ns() >= until) {
      waited = true;
      end_words(run, END_LEFT, arg_text(run, step, 2), NULL);
      return 0;
    }
    sleep_ms(round < 5 ? 1 : 10);
  }
}

int op_cgroup_mark(struct run *run, const struct step *step) {
  return group_mark(arg_text(run, step, 0), arg_text(run, step, 1), arg_text(run, step, 2));
}
