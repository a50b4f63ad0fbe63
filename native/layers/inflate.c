/*
 * Deflate (RFC 1951), a whole stream at a time. Input and output come by callbacks, so the
 * decoder keeps its state in plain variables. Most symbols are decoded by `quickly`, which has
 * a margin of input before it and of room behind it and so looks at neither in between; the way
 * in which it goes about it is libdeflate's: 64 bits of input at once, the next entry looked up
 * before the last match is copied, up to three literals for one refill. The symbols at the ends
 * of input chunks are decoded one by one.
 */
#include "inflate.h"

#include <string.h>

enum { MARGIN = 32 }; /* of input: one round takes at most four refills of 8 bytes */

_Noreturn void inflate_fail(struct inflate *z, const char *why) {
  z->why = why;
  longjmp(z->failed, 1);
}

bool inflate_more(struct inflate *z) {
  if (z->in_over) return false;
  long n = z->io->more(z->io->data, &z->in);
  if (n < 0) inflate_fail(z, "the archive cannot be read");
  z->in_over = n == 0;
  z->in_end = n > 0 ? z->in + n : z->in; /* of nothing there may be no pointer */
  return n > 0;
}

static inline uint64_t word_at(const unsigned char *in) {
  uint64_t word;
  memcpy(&word, in, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

/* At least 56 bits, zeros behind the end. */
static void refill(struct inflate *z) {
  if (z->in_end - z->in >= 8) {
    z->bits |= word_at(z->in) << z->count;
    z->in += (63 - z->count) >> 3;
    z->count |= 56;
    return;
  }
  while (z->count < 56) {
    /* What lies above `count` is the same bytes once more. */
    z->bits &= ((uint64_t)1 << z->count) - 1;
    if (z->in < z->in_end || inflate_more(z)) {
      z->bits |= (uint64_t)*z->in++ << z->count;
    } else if (++z->pretended > 16) {
      inflate_fail(z, "the compressed data end too early");
    }
    z->count += 8;
  }
}

uint32_t inflate_take(struct inflate *z, unsigned n) {
  if (z->count < n) refill(z);
  uint32_t value = (uint32_t)(z->bits & (((uint64_t)1 << n) - 1));
  z->bits >>= n;
  z->count -= n;
  return value;
}

void inflate_flush(struct inflate *z) {
  size_t n = (size_t)(z->out - z->block);
  z->crc = crc32_add(z->crc, z->block, n);
  z->size += (uint32_t)n;
  z->written += n;
  z->block = z->out = z->io->put(z->io->data, z->block, n);
  if (!z->block) inflate_fail(z, "stopped");
}

static void dynamic_tables(struct inflate *z) {
  static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  unsigned nlitlen = inflate_take(z, 5) + 257, ndist = inflate_take(z, 5) + 1, ncode = inflate_take(z, 4) + 4;
  if (nlitlen > 286 || ndist > 30) inflate_fail(z, "a block has more symbols than there are");
  unsigned char lengths[320 + 138] = {0}, code[19] = {0};
  for (unsigned i = 0; i < ncode; i++) code[order[i]] = (unsigned char)inflate_take(z, 3);
  uint32_t table[1 << CODE_BITS];
  const char *why = huffman_code(table, code);
  if (why) inflate_fail(z, why);
  for (unsigned i = 0; i < nlitlen + ndist;) {
    if (z->count < 14) refill(z);
    uint32_t e = table[z->bits & ((1 << CODE_BITS) - 1)];
    inflate_take(z, DROP(e));
    unsigned symbol = VALUE(e), repeat = 1, value = symbol;
    if (symbol == 16) {
      if (i == 0) inflate_fail(z, "nothing to repeat");
      value = lengths[i - 1];
      repeat = 3 + inflate_take(z, 2);
    } else if (symbol == 17) {
      value = 0;
      repeat = 3 + inflate_take(z, 3);
    } else if (symbol == 18) {
      value = 0;
      repeat = 11 + inflate_take(z, 7);
    }
    if (i + repeat > nlitlen + ndist) inflate_fail(z, "more lengths than symbols");
    memset(lengths + i, (int)value, repeat);
    i += repeat;
  }
  if (lengths[256] == 0) inflate_fail(z, "a block without an end");
  why = huffman_tables(&z->tables, lengths, nlitlen, ndist);
  if (why) inflate_fail(z, why);
}

static void stored(struct inflate *z) {
  inflate_take(z, z->count & 7);
  uint32_t length = inflate_take(z, 16);
  if ((length ^ 0xffff) != inflate_take(z, 16)) inflate_fail(z, "a stored block's length is spoilt");
  while (length > 0) {
    if ((size_t)(z->out - z->block) >= z->io->room) inflate_flush(z);
    if (z->count >= 8) { /* what the buffer of bits has taken already */
      *z->out++ = (unsigned char)inflate_take(z, 8);
      length--;
      continue;
    }
    z->bits = 0;
    z->count = 0;
    if (z->in == z->in_end && !inflate_more(z)) inflate_fail(z, "the compressed data end too early");
    size_t n = (size_t)(z->in_end - z->in), room = z->io->room - (size_t)(z->out - z->block);
    if (n > length) n = length;
    if (n > room) n = room;
    memcpy(z->out, z->in, n);
    z->in += n;
    z->out += n;
    length -= (uint32_t)n;
  }
}

static inline void copy8(unsigned char *to, const unsigned char *from) { memcpy(to, from, 8); }
static inline void copy16(unsigned char *to, const unsigned char *from) {
  unsigned char held[16];
  memcpy(held, from, 16);
  memcpy(to, held, 16);
}

/* A match, which may overlap itself; up to 31 bytes too much are written. */
static inline void copy_match(unsigned char *out, unsigned distance, unsigned length) {
  const unsigned char *from = out - distance, *end = out + length;
  if (distance >= 16) {
    copy16(out, from);
    copy16(out + 16, from + 16);
    for (out += 32, from += 32; out < end; out += 16, from += 16) copy16(out, from);
  } else if (distance >= 8) {
    do {
      copy8(out, from);
      out += 8;
      from += 8;
    } while (out < end);
  } else if (distance == 1) {
    memset(out, *from, length);
  } else { /* each step has `distance` right bytes of the eight that it writes */
    do {
      copy8(out, from);
      out += distance;
      from += distance;
    } while (out < end);
  }
}

/* How far back a match may reach: to the member's beginning, or the window's. */
static const unsigned char *earliest(const struct inflate *z) {
  return z->block - (z->written < INFLATE_WINDOW ? z->written : INFLATE_WINDOW);
}

/* One symbol, or a match. True at the block's end. */
static bool one(struct inflate *z) {
  refill(z);
  uint32_t e = z->tables.litlen[z->bits & ((1u << LITLEN_BITS) - 1)];
  if (e & ENTRY_RARE && e & ENTRY_SECOND) {
    inflate_take(z, LITLEN_BITS);
    e = z->tables.litlen[SECOND(e, z->bits)];
  }
  if (e & ENTRY_RARE && !(e & ENTRY_END)) inflate_fail(z, "a code that means nothing");
  uint64_t before = z->bits;
  inflate_take(z, DROP(e));
  if (e & ENTRY_LITERAL) *z->out++ = (unsigned char)VALUE(e);
  if (e & (ENTRY_LITERAL | ENTRY_RARE)) return (e & ENTRY_RARE) != 0;
  unsigned length = VALUE(e) + EXTRA(e, before);
  refill(z);
  uint32_t d = z->tables.dist[z->bits & ((1u << DIST_BITS) - 1)];
  if (d & ENTRY_RARE && d & ENTRY_SECOND) {
    inflate_take(z, DIST_BITS);
    d = z->tables.dist[SECOND(d, z->bits)];
  }
  if (d & ENTRY_RARE) inflate_fail(z, "a code that means nothing");
  before = z->bits;
  inflate_take(z, DROP(d));
  unsigned distance = VALUE(d) + EXTRA(d, before);
  if (distance > z->out - earliest(z)) inflate_fail(z, "a distance reaches before the beginning");
  copy_match(z->out, distance, length);
  z->out += length;
  return false;
}

#define REFILL()                        \
  (bits |= word_at(in) << (count & 63), \
   in += 7, in -= count >> 3 & 7, count |= 56)
/* The count's low byte is what counts: what an entry has above it does no harm. */
#define DROP_ENTRY(e) (bits >>= (e) & 63, count -= (e))
#define LITLEN() litlen[bits & ((1u << LITLEN_BITS) - 1)]

/*
 * As many symbols as there is input with a margin and room for. True at the block's end.
 * A refill gives 56 bits at least: two literals of 11 and a length of 20, with 14 left over to
 * look up a distance; or a distance of 28 with the 11 that the next symbol is looked up by.
 */
static bool quickly(struct inflate *z) {
  const uint32_t *litlen = z->tables.litlen, *dist = z->tables.dist;
  const unsigned char *in = z->in, *in_most = z->in_end - MARGIN, *begin = earliest(z);
  unsigned char *out = z->out, *out_most = z->block + z->io->room;
  uint64_t bits = z->bits;
  uint32_t count = z->count;
  bool end = false;
  const char *why = NULL;
  REFILL();
  uint32_t e = LITLEN();
  do {
    uint64_t before = bits;
    DROP_ENTRY(e);
    if (e & ENTRY_LITERAL) {
      *out++ = (unsigned char)(e >> 16);
      e = LITLEN();
      before = bits;
      DROP_ENTRY(e);
      if (e & ENTRY_LITERAL) {
        *out++ = (unsigned char)(e >> 16);
        e = LITLEN();
        before = bits;
        DROP_ENTRY(e);
        if (e & ENTRY_LITERAL) {
          *out++ = (unsigned char)(e >> 16);
          REFILL();
          e = LITLEN();
          continue;
        }
      }
    }
    if (__builtin_expect(e & ENTRY_RARE, 0)) {
      if (e & ENTRY_SECOND) {
        e = litlen[SECOND(e, bits)];
        before = bits;
        DROP_ENTRY(e);
        if (e & ENTRY_LITERAL) {
          *out++ = (unsigned char)(e >> 16);
          REFILL();
          e = LITLEN();
          continue;
        }
      }
      if (e & ENTRY_RARE) {
        end = (e & ENTRY_END) != 0;
        if (!end) why = "a code that means nothing";
        break;
      }
    }
    unsigned length = (e >> 16) + EXTRA(e, before);
    uint32_t d = dist[bits & ((1u << DIST_BITS) - 1)];
    if ((count & 255) < 28 + LITLEN_BITS) REFILL();
    if (__builtin_expect(d & ENTRY_RARE, 0)) {
      if (!(d & ENTRY_SECOND)) {
        why = "a code that means nothing";
        break;
      }
      bits >>= DIST_BITS;
      count -= DIST_BITS;
      d = dist[SECOND(d, bits)];
      if (d & ENTRY_RARE) {
        why = "a code that means nothing";
        break;
      }
    }
    before = bits;
    DROP_ENTRY(d);
    unsigned distance = (d >> 16) + EXTRA(d, before);
    if (__builtin_expect(distance > (size_t)(out - begin), 0)) {
      why = "a distance reaches before the beginning";
      break;
    }
    unsigned char *to = out;
    out += length;
    REFILL();
    e = LITLEN();
    copy_match(to, distance, length);
  } while (in < in_most && out < out_most);
  /* An entry that was only looked up has dropped nothing. */
  z->bits = bits;
  z->count = count & 63;
  z->in = in;
  z->out = out;
  if (why) inflate_fail(z, why);
  return end;
}

static void compressed(struct inflate *z) {
  for (;;) {
    if ((size_t)(z->out - z->block) >= z->io->room) inflate_flush(z);
    if (z->in_end - z->in > MARGIN ? quickly(z) : one(z)) return;
  }
}

void inflate_blocks(struct inflate *z) {
  bool last;
  do {
    last = inflate_take(z, 1);
    unsigned type = inflate_take(z, 2);
    if (type == 3) inflate_fail(z, "a block of no known type");
    if (type == 0) {
      stored(z);
      continue;
    }
    if (type == 2) dynamic_tables(z);
    else if (!z->fixed) huffman_fixed(&z->tables);
    z->fixed = type == 1;
    compressed(z);
  } while (!last);
}
