/*
 * check_mounts: proof, once all mounts are made, that they lie where the spec says. A link in
 * the image (/data -> /proc/sys) or a directory exchanged for a link while we worked may have
 * led a mount over a file of procfs that we or the container's guards write to
 * (CVE-2019-16884, CVE-2019-19921), or put a procfs where nobody looks for it. What the mount
 * table says cannot be raced: nothing of the container runs yet.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "kernel.h"
#include "plan.h"
#include "run.h"
#include "words.h"

struct check {
  struct run *run;
  char root[PATH_MAX]; /* as this process sees it, "" for / */
  char **allowed, **whole;
  unsigned nallowed, nwhole;
  bool *seen; /* of `whole` */
};

/* The kernel writes space, tab, newline and backslash as three octal digits (proc_pid_mountinfo(5)). */
static void unescape(char *text) {
  char *to = text;
  for (; *text; text++)
    if (text[0] == '\\' && text[1] && text[2] && text[3]) {
      *to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
      text += 3;
    } else {
      *to++ = *text;
    }
  *to = '\0';
}

static bool listed(char **list, unsigned count, const char *path) {
  for (unsigned i = 0; i < count; i++)
    if (strcmp(list[i], path) == 0) return true;
  return false;
}

/* One mount at `point`, a path inside the root. */
static int check_one(struct check *check, const char *point, const char *type) {
  for (unsigned i = 0; i < check->nwhole; i++) {
    size_t length = strlen(point);
    const char *want = check->whole[i];
    if (strncmp(want, point, length) == 0 && want[length] == ' ' && strcmp(want + length + 1, type) == 0)
      check->seen[i] = true;
  }
  if (strncmp(point, "/proc/", 6) != 0 || listed(check->allowed, check->nallowed, point) ||
      listed(check->allowed, check->nallowed, "/proc"))
    return 0;
  detail(check->run, "%s cannot be mounted because it is inside /proc", point);
  return -E_DETAIL;
}

/* A line: ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS */
static int check_line(struct check *check, char *line) {
  char *field[5], *rest = line, *after = strstr(line, " - "), *type;
  size_t length = strlen(check->root);
  if (!after) return 0;
  *after = '\0';
  after += 3;
  type = strsep(&after, " ");
  for (int i = 0; i < 5; i++)
    if (!(field[i] = strsep(&rest, " "))) return 0;
  unescape(field[4]);
  if (strncmp(field[4], check->root, length) != 0 || field[4][length] != '/') return 0;
  return check_one(check, field[4] + length, type);
}

static int check_all(struct check *check) {
  char *line = NULL;
  size_t size = 0;
  int rc = 0;
  FILE *mounts = fopen("/proc/self/mountinfo", "re");
  if (!mounts) return -errno;
  /* The kernel walks all mounts from the first at each read(2): one is enough for most. */
  static char table[32768];
  setvbuf(mounts, table, _IOFBF, sizeof table);
  while (rc == 0 && getline(&line, &size, mounts) > 0) rc = check_line(check, line);
  free(line);
  fclose(mounts);
  for (unsigned i = 0; rc == 0 && i < check->nwhole; i++) {
    if (check->seen[i]) continue;
    const char *want = check->whole[i];
    detail(check->run, "a link led the mount of %.*s elsewhere", (int)(strrchr(want, ' ') - want), want);
    rc = -E_DETAIL;
  }
  return rc;
}

int op_check_mounts(struct run *run, const struct step *step);

int op_check_mounts(struct run *run, const struct step *step) {
  struct check check = {.run = run};
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", arg_fd(run, step, 0));
  long length = AGAIN(readlink(link, check.root, sizeof check.root - 1));
  if (length < 0) return (int)length;
  check.root[length] = '\0';
  if (strcmp(check.root, "/") == 0) check.root[0] = '\0';
  check.allowed = arg_list(run, step, 1, &check.nallowed);
  check.whole = arg_list(run, step, 2, &check.nwhole);
  check.seen = calloc(check.nwhole + 1, sizeof *check.seen);
  if (!check.seen) return -ENOMEM;
  int rc = check_all(&check);
  free(check.seen);
  return rc;
}
