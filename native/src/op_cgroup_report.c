/*
 * cgroup_report: the last word after a command that ran into a limit. What the numbers
 * mean stands in the plan; here they are only read and put into the sentence.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "kernel.h"
#include "ops.h"

/* A small file's text, NUL behind it; of one that is gone, what it said last. False if nobody knows. */
static bool slurp(const char *path, char *text, size_t size) {
  long fd = AGAIN(open(path, O_RDONLY | O_CLOEXEC));
  if (fd < 0) {
    const char *last = watched_text(path);
    return last && *last && snprintf(text, size, "%s", last) > 0;
  }
  size_t used = 0;
  while (used + 1 < size) {
    long n = AGAIN(read((int)fd, text + used, size - used - 1));
    if (n <= 0) break;
    used += (size_t)n;
  }
  close((int)fd);
  text[used] = 0;
  return used > 0;
}

/* The number after `key` at the beginning of a line; without a key, at the beginning of the text. */
static bool number_of(const char *text, const char *key, uint64_t *number) {
  size_t length = strlen(key);
  for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    if (strncmp(line, key, length) != 0) continue;
    if (length > 0 && line[length] != ' ') continue;
    char *end;
    const char *digits = line + length + (length > 0);
    *number = strtoull(digits, &end, 10);
    return end != digits;
  }
  return false;
}

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

int op_cgroup_report(struct run *run, const struct step *step) {
  char file[8192], most[64] = "", spelled[48];
  uint64_t count, peak;
  if (!slurp(arg_text(run, step, 0), file, sizeof file) ||
      !number_of(file, arg_text(run, step, 1), &count) || count == 0)
    return 0;
  if (slurp(arg_text(run, step, 2), file, sizeof file) && number_of(file, "", &peak)) {
    if (arg_int(run, step, 3)) spell_bytes(peak, spelled, sizeof spelled);
    else snprintf(spelled, sizeof spelled, "%" PRIu64, peak);
    snprintf(most, sizeof most, "; the peak was %s", spelled);
  }
  char line[1024];
  snprintf(line, sizeof line, "%s %" PRIu64 "%s", arg_text(run, step, 4), count, most);
  report_warning(run, line);
  return 0;
}
