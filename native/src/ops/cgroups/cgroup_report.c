/*
 * limit_report: the last word after a command that ran into a limit. What the
 * numbers mean stands in the plan; here they are only read and put into the sentence.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "cgroup_counts.h"
#include "end_words.h"
#include "kernel.h"
#include "ops.h"
#include "plan.h"
#include "run.h"
#include "watch_file.h"

/* As `formatSize` of packages/cli: three digits at most. */
static void spell_bytes(uint64_t bytes, char *text, size_t size) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = (double)bytes;
  unsigned unit = 0;
  while (value >= 1023.5 && unit < 6) {
    value /= 1024;
    unit++;
  }
  int places = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  int n = snprintf(text, size, "%.*f", places, value);
  while (places > 0 && n > 0 && text[n - 1] == '0') text[--n] = 0;
  if (places > 0 && n > 0 && text[n - 1] == '.') text[--n] = 0;
  snprintf(text + n, size - (size_t)n, " %s", units[unit]);
}

/* "; the peak was 20 MiB", or nothing. */
static void spell_peak(const char *path, bool bytes, char *text, size_t size) {
  char spelled[48];
  uint64_t peak;
  *text = 0;
  if (!number_in(path, "", &peak)) return;
  if (bytes) spell_bytes(peak, spelled, sizeof spelled);
  else snprintf(spelled, sizeof spelled, "%" PRIu64, peak);
  snprintf(text, size, "; the peak was %s", spelled);
}

/* How often this group's own limit was hit, or 0 if it was not this one's. */
static uint64_t hits(struct run *run, const struct step *step, bool bytes) {
  const char *group = arg_text(run, step, 0), *file = arg_text(run, step, 1);
  const char *local = arg_text(run, step, 3), *local_key = arg_text(run, step, 4);
  char path[4096], text[8192];
  uint64_t count = 0, own = 0;
  unsigned npeaks, nlimits;
  char **peaks = arg_list(run, step, 5, &npeaks), **limits = arg_list(run, step, 6, &nlimits);
  bool reached = npeaks == 0;
  for (unsigned i = 0; i < npeaks && i < nlimits; i++) {
    /* The second pair (memory and swap together) may not be there, and then decides nothing. */
    bool there = i == 0 || access(peaks[i], F_OK) == 0;
    reached = reached || (there && limit_reached(peaks[i], limits[i], bytes));
  }
  if (!reached) return 0;
  snprintf(path, sizeof path, "%s/%s", group, file);
  (void)number_in(path, arg_text(run, step, 2), &count);
  count += watched_missed(path, arg_text(run, step, 2));
  if (*local) {
    snprintf(path, sizeof path, "%s/%s", group, local);
    if (file_text(path, text, sizeof text)) {
      (void)number_of(text, local_key, &own);
      own += watched_missed(path, local_key);
      if (own == 0) return 0;
      /* Counted in all groups below too, what happened for their limits with it. */
      bool same = strcmp(local_key, arg_text(run, step, 2)) == 0;
      return same || count == 0 ? own : count;
    }
  }
  return count + counts_below(group, file);
}

/* The sentence with the limit that stands now in place of the one that the plan set, which somebody may have changed. */
static void name_limit(char *sentence, size_t size, const char *text, const char *says, const char *file, bool bytes) {
  char spelled[48];
  uint64_t limit;
  const char *at = *says ? strstr(text, says) : NULL;
  if (!at || !number_in(file, "", &limit)) {
    snprintf(sentence, size, "%s", text);
    return;
  }
  if (bytes) spell_bytes(limit, spelled, sizeof spelled);
  else snprintf(spelled, sizeof spelled, "%" PRIu64, limit);
  snprintf(sentence, size, "%.*s%s%s", (int)(at - text), text, spelled, at + strlen(says));
}

int op_limit_report(struct run *run, const struct step *step) {
  char text[900], line[1024], early[1024], most[64] = "";
  bool bytes = arg_int(run, step, 7);
  unsigned npeaks, nlimits;
  char **peaks = arg_list(run, step, 5, &npeaks), **limits = arg_list(run, step, 6, &nlimits);
  const char *limit = nlimits > 0 ? limits[0] : "", *says = arg_text(run, step, 10);
  uint64_t count = hits(run, step, bytes);
  if (count == 0) return 0;
  if (npeaks > 0) spell_peak(peaks[0], bytes, most, sizeof most);
  name_limit(text, sizeof text, arg_text(run, step, 8), says, limit, bytes);
  snprintf(line, sizeof line, "%s %" PRIu64 "%s", text, count, most);
  name_limit(text, sizeof text, arg_text(run, step, 9), says, limit, bytes);
  snprintf(early, sizeof early, "%s%s", text, most);
  end_words(run, END_LIMIT, line, early);
  return 0;
}
