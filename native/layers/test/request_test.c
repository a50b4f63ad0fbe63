/* Requests as the planner writes them, and what is refused because no planner of this version wrote it. */
#include "request.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void check(bool fine, const char *what) {
  if (fine) return;
  printf("request: %s\n", what);
  failures++;
}

static struct request r;

/* `fields` with `|` where a NUL belongs. */
static int read_fields(const char *fields) {
  static char bytes[4096];
  size_t n = strlen(fields);
  memcpy(bytes, fields, n + 1);
  for (size_t i = 0; i < n; i++)
    if (bytes[i] == '|') bytes[i] = 0;
  return request_read(&r, bytes, n);
}

static void arguments(void) {
  check(read_fields("copy|from=/a=b|to=|") == 0 && r.fn == request_copy, "copy is understood");
  check(strcmp(r.args[COPY_FROM].text, "/a=b") == 0 && strcmp(r.args[COPY_TO].text, "") == 0, "its texts");
  check(read_fields("thin_pool|directory=/d|data=107374182400|metadata=-1|base=0|mkfs=2|mkfs|-q|") == 0, "numbers and a list");
  check(r.args[THIN_POOL_DATA].number == 107374182400 && r.args[THIN_POOL_METADATA].number == -1, "their values");
  const struct request_arg *mkfs = r.args + THIN_POOL_MKFS;
  check(mkfs->number == 2 && strcmp(mkfs->list[1], "-q") == 0 && !mkfs->list[2], "the list's items, and its end");
  check(read_fields("apply|kind=overlay|squash=0|columns=80|targets=1|/t|chains=1|/c|archives=1|/a|offsets=1|512|"
                    "sizes=1|-1|digests=1||diffs=1||") == 0,
        "a layer");
  check(r.args[APPLY_OFFSETS].ints[0] == 512 && r.args[APPLY_SIZES].ints[0] == -1, "the numbers of a list");
  check(strcmp(r.args[APPLY_DIGESTS].list[0], "") == 0 && r.args[APPLY_DIFFS].number == 1, "empty texts of a list");
}

static void refusals(void) {
  static const char *const wrong[] = {
      "",
      "|",
      "fetch|url=x|",
      "copy|",
      "copy|from=/a|",
      "copy|to=/b|from=/a|",
      "copy|fro=/a|to=/b|",
      "copy|from|to=/b|",
      "copy|from=/a|to=/b|more=1|",
      "subvolume|path=/a|of=/b||",
      "map_owners|uids=0 0 1\n|",
      "thin_pool|directory=/d|data=|metadata=1|base=0|mkfs=0|",
      "thin_pool|directory=/d|data=1x|metadata=1|base=0|mkfs=0|",
      "thin_pool|directory=/d|data=99999999999999999999|metadata=1|base=0|mkfs=0|",
      "thin_pool|directory=/d|data=1|metadata=1|base=0|mkfs=1|",
      "thin_pool|directory=/d|data=1|metadata=1|base=0|mkfs=-1|",
      "thin_pool|directory=/d|data=1|metadata=1|base=0|mkfs=1000000000|a|",
      "apply|kind=overlay|squash=0|columns=80|targets=1|/t|chains=0|archives=0|offsets=1|x|sizes=0|digests=0|diffs=0|",
  };
  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
    check(read_fields(wrong[i]) == -EPROTO && *r.words, wrong[i]);
}

int main(void) {
  arguments();
  refusals();
  if (failures == 0) printf("request: ok\n");
  return failures != 0;
}
