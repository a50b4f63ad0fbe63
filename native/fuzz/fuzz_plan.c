/*
 * Fuzzes the decoder: plans with bytes, words and lengths changed at random. What it lets pass is
 * then read as operations read it, under AddressSanitizer, so an index that the decoder should
 * have refused is found by the first access outside.
 *
 *   fuzz_plan ROUNDS SEED
 */
#include "reader.h"

static uint64_t state;

static uint64_t next(void) { /* xorshift64* */
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545f4914f6cdd1dull;
}

static uint32_t interesting(size_t total) {
  static const uint32_t words[] = {0, 1, 2, 4, 8, 16, 40, 96, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff};
  switch (next() % 3) {
    case 0: return words[next() % (sizeof words / sizeof *words)];
    case 1: return (uint32_t)(total - next() % 64);
    default: return (uint32_t)(next() % (total + 1));
  }
}

static void mutate(unsigned char *plan, size_t total) {
  for (unsigned n = 1 + next() % 4; n > 0; n--) {
    size_t at = next() % total;
    uint32_t word = interesting(total);
    switch (next() % 4) {
      case 0: plan[at] ^= (unsigned char)(1u << next() % 8); break;
      case 1: plan[at] = (unsigned char)next(); break;
      case 2:
        at &= ~(size_t)3;
        if (at + 4 <= total) memcpy(plan + at, &word, 4);
        break;
      default: /* the counts and offsets of the header, which decide most */
        memcpy(plan + 12 + 4 * (next() % 17), &word, 4);
        break;
    }
  }
}

int main(int argc, char **argv) {
  unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 100000, taken = 0;
  state = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) | 1;
  struct draft d;
  draft_of_all(&d);
  size_t total;
  unsigned char *seed = encode_draft(&d, &total);
  for (unsigned long i = 0; i < rounds; i++) {
    size_t length = next() % 16 == 0 ? next() % (total + 1) : total;
    unsigned char *plan = malloc(length ? length : 1);
    memcpy(plan, seed, length);
    if (length == total) mutate(plan, length);
    struct plan decoded;
    const char *why;
    if (plan_decode(plan, length, &decoded, &why) == 0) {
      taken++;
      read_all(&decoded);
    } else if (!why) {
      abort();
    }
    free(plan);
  }
  free(seed);
  printf("fuzz: %lu rounds, %lu taken and read, nothing outside (%zu)\n", rounds, taken, sink % 10);
  return taken == 0 || taken == rounds; /* else the fuzzer does not do its work */
}
