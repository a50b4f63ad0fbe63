/* What the launcher's file is made of, read and checked. */
#include "trailer.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(offsetof(struct trailer, sum) % 64 == 0, "trailer_sum takes whole lines");

typedef uint64_t lane __attribute__((vector_size(16)));

/* Fletcher's sum in eight lanes: it takes no longer than the memory gives the data. */
struct sum {
  lane a[4], b[4];
};

static void sum_add(struct sum *sum, const void *at, size_t bytes) {
  struct sum s = *sum;
  for (const char *from = at, *end = from + bytes; from < end; from += sizeof s.a) {
    lane line[4];
    memcpy(line, from, sizeof line);
    for (unsigned i = 0; i < 4; i++) {
      s.a[i] += line[i];
      s.b[i] += s.a[i];
    }
  }
  *sum = s;
}

/* Not linear, so that the same change in both sums of a lane does not cancel itself out. */
static uint64_t mixed(uint64_t sum, uint64_t value) {
  sum = (sum ^ value) * 0x9e3779b97f4a7c15u;
  return sum ^ sum >> 32;
}

static uint64_t sum_end(const struct sum *s) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < 4; i++)
    for (unsigned k = 0; k < 2; k++) sum = mixed(mixed(sum, s->a[i][k]), s->b[i][k]);
  return sum;
}

uint64_t trailer_sum(const void *at, size_t bytes) {
  struct sum sum = {0};
  sum_add(&sum, at, bytes);
  return sum_end(&sum);
}

const uint8_t *trailer_own_build(void) {
  const Elf64_Phdr *header = (const Elf64_Phdr *)getauxval(AT_PHDR);
  for (unsigned long left = getauxval(AT_PHNUM); header && left > 0; left--, header++) {
    if (header->p_type != PT_NOTE) continue;
    const char *at = (const char *)header->p_vaddr, *end = at + header->p_memsz;
    while (at + sizeof(Elf64_Nhdr) <= end) {
      const Elf64_Nhdr *note = (const Elf64_Nhdr *)at;
      const char *name = (const char *)(note + 1), *text = name + (note->n_namesz + 3) / 4 * 4;
      if (note->n_type == NT_GNU_BUILD_ID && note->n_descsz == TRAILER_BUILD && strcmp(name, "GNU") == 0)
        return (const uint8_t *)text;
      at = text + (note->n_descsz + 3) / 4 * 4;
    }
  }
  return NULL;
}

/* Whether the parts follow one another in a file that is `size` long. */
static bool fits(const struct trailer *t, uint64_t size) {
  const uint64_t page = 4096, most = (uint64_t)1 << 32;
  return t->program_bytes < most && t->image_bytes < most && t->core_bytes < most && t->image_at < most &&
         t->image_at >= t->program_bytes && t->image_at % page == 0 && t->image_bytes % page == 0 &&
         t->core_at == t->image_at + t->image_bytes && t->core_at + (t->core_bytes + 63) / 64 * 64 + sizeof *t == size &&
         t->ranges <= TRAILER_RANGES;
}

int trailer_read(int fd, const uint8_t *build, struct trailer *trailer, const char **why) {
  struct stat st;
  *why = "it cannot be read";
  if (fstat(fd, &st) < 0) return -1;
  *why = "it is not whole: the planner is missing at its end, or was cut off";
  if ((uint64_t)st.st_size < sizeof *trailer) return -1;
  ssize_t n = pread(fd, trailer, sizeof *trailer, st.st_size - (off_t)sizeof *trailer);
  if (n != (ssize_t)sizeof *trailer || memcmp(trailer->magic, TRAILER_MAGIC, sizeof trailer->magic) != 0) return -1;
  *why = "it is damaged: what it says about its parts was changed";
  if (trailer->sum != trailer_sum(trailer, offsetof(struct trailer, sum))) return -1;
  *why = "the planner in it was made by another build of this program";
  if (trailer->version != TRAILER_VERSION || (build && memcmp(build, trailer->build, TRAILER_BUILD) != 0)) return -1;
  *why = "it is not whole: its parts do not come to its length";
  return fits(trailer, (uint64_t)st.st_size) ? 0 : -1;
}

/* Read rather than mapped: pages that are only looked at once would cost more than the copy. */
static int check_part(int fd, uint64_t at, uint64_t bytes, uint64_t expected) {
  static char part[65536] __attribute__((aligned(64)));
  struct sum sum = {0};
  while (bytes > 0) {
    ssize_t n = pread(fd, part, bytes < sizeof part ? bytes : sizeof part, (off_t)at);
    if (n < 0 && errno == EINTR) continue;
    /* What is read goes on in lines of 64 bytes; the parts are such. */
    if (n < 64) return -1;
    n -= n % 64;
    sum_add(&sum, part, (size_t)n);
    at += (uint64_t)n;
    bytes -= (uint64_t)n;
  }
  return sum_end(&sum) == expected ? 0 : -1;
}

int trailer_check(int fd, const struct trailer *t, bool program, const char **why) {
  *why = "it is damaged: the program in it was changed";
  if (program && check_part(fd, 0, t->image_at, t->program_sum) < 0) return -1;
  *why = "it is damaged: the planner in it was changed";
  if (check_part(fd, t->image_at, t->image_bytes, t->image_sum) < 0) return -1;
  *why = "it is damaged: the part of it from which containers run was changed";
  return check_part(fd, t->core_at, (t->core_bytes + 63) / 64 * 64, t->core_sum);
}
