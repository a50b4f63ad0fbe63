/* How far layers are: a line with a bar for each that is being applied, and one for all, on a terminal. */
#include "progress.h"

#include "io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  LINES = 6,      /* at once, that of all included */
  NARROWEST = 24, /* a terminal for the line of all */
  BESIDE_BAR = 40 /* columns that a layer's line takes beside its bar */
};

/* The layer's name in the store, its first digits. */
static const char *name_of(const struct job *job) {
  const char *slash = strrchr(job->target, '/');
  return slash ? slash + 1 : job->target;
}

static int one_line(char *line, size_t room, const struct job *job, uint64_t done, int columns) {
  unsigned width = columns - BESIDE_BAR < 30 ? (unsigned)(columns - BESIDE_BAR) : 30;
  unsigned full = job->size ? (unsigned)(done * width / job->size) : width;
  char bar[30 * 3 + 1];
  size_t at = 0;
  for (unsigned i = 0; i < width; i++) at += (size_t)sprintf(bar + at, "%s", i < full ? "█" : "░");
  bar[at] = 0;
  return snprintf(line, room, "%.12s  %s  %5.1f of %.1f MB\x1b[K\n", name_of(job), bar, (double)done / 1e6,
                  (double)job->size / 1e6);
}

/* Back to where the first line began, and nothing below it. */
static void wipe(struct progress *p) {
  char text[32];
  if (p->lines == 0) return;
  int n = snprintf(text, sizeof text, "\r\x1b[%uA\x1b[J", p->lines);
  (void)write_all(2, text, (size_t)n);
  p->lines = 0;
}

void progress_draw(struct progress *p, const struct job *jobs, const struct job_state *states, const pid_t *pids,
                   unsigned n) {
  uint64_t now = now_ns();
  if (p->columns < NARROWEST) return;
  if (!p->began) p->began = now;
  /* What is quickly done is not worth a flicker. */
  if (now - p->began < 300000000 || now - p->drawn < 80000000) return;
  p->drawn = now;
  char text[LINES * 256];
  size_t at = 0;
  unsigned lines = 0, ready = 0;
  if (p->lines > 0) at += (size_t)snprintf(text, sizeof text, "\r\x1b[%uA", p->lines);
  for (unsigned i = 0; i < n; i++) {
    ready += states[i].result == JOB_DONE;
    if (pids[i] <= 0 || lines == LINES - 1 || p->columns < BESIDE_BAR + 8) continue;
    at += (size_t)one_line(text + at, 256, jobs + i, states[i].progress, p->columns);
    lines++;
  }
  at += (size_t)snprintf(text + at, 64, "%u of %u layers\x1b[K\n\x1b[J", ready, n);
  p->lines = lines + 1;
  (void)write_all(2, text, at);
}

void progress_end(struct progress *p) { wipe(p); }
