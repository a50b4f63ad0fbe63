/*
 * gzip (RFC 1952) and deflate (RFC 1951), a whole stream at a time. Input and output come by
 * callbacks, so the decoder keeps its state in plain variables. One refill of the 64-bit buffer
 * gives at least 56 bits: enough for a length, a distance and their extra bits (48), or for
 * three literals.
 */
#include "layer.h"

#include <stdlib.h>
#include <string.h>

enum { LITLEN_BITS = 11, DIST_BITS = 9, LITLEN_ROOM = 4400, DIST_ROOM = 1500 };
/* An entry: value << 16 | kind << 12 | extra bits << 8 | bits of the code. */
enum kind { BAD, LITERAL, COPY, END, DEEPER };
#define ENTRY(value, kind, extra, bits) ((uint32_t)(value) << 16 | (uint32_t)(kind) << 12 | (uint32_t)(extra) << 8 | (bits))
#define VALUE(e) ((e) >> 16)
#define KIND(e) ((e) >> 12 & 15)
#define EXTRA(e) ((e) >> 8 & 15)
#define BITS(e) ((e) & 255)

struct inflate {
  const struct inflate_io *io;
  uint64_t bits; /* the next bits, lowest first */
  unsigned count;
  const unsigned char *in, *in_end;
  bool in_over; /* no more comes */
  unsigned pretended; /* bytes of zeros that stand for input behind its end */
  unsigned char *block, *out;
  uint32_t crc, size;
  uint64_t written; /* by this member, up to INFLATE_WINDOW: how far a distance may reach */
  jmp_buf failed;
  const char *why;
  uint32_t litlen[LITLEN_ROOM], dist[DIST_ROOM];
};

static _Noreturn void fail(struct inflate *z, const char *why) {
  z->why = why;
  longjmp(z->failed, 1);
}

static bool more(struct inflate *z) {
  if (z->in_over) return false;
  long n = z->io->more(z->io->data, &z->in);
  if (n < 0) fail(z, "the archive cannot be read");
  z->in_end = z->in + n;
  if (n == 0) z->in_over = true;
  return n > 0;
}

static void refill_slowly(struct inflate *z) {
  while (z->count < 56) {
    if (z->in < z->in_end || more(z)) {
      z->bits |= (uint64_t)*z->in++ << z->count;
    } else if (++z->pretended > 16) {
      fail(z, "the compressed data end too early");
    }
    z->count += 8;
  }
}

static inline void refill(struct inflate *z) {
  if (z->in_end - z->in < 8) {
    refill_slowly(z);
    return;
  }
  uint64_t word;
  memcpy(&word, z->in, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  z->bits |= word << z->count;
  z->in += (63 - z->count) >> 3;
  z->count |= 56;
}

static uint32_t take(struct inflate *z, unsigned n) {
  if (z->count < n) refill(z);
  uint32_t value = (uint32_t)(z->bits & (((uint64_t)1 << n) - 1));
  z->bits >>= n;
  z->count -= n;
  return value;
}

static unsigned reversed(unsigned code, unsigned length) {
  unsigned result = 0;
  for (unsigned i = 0; i < length; i++) result |= (code >> i & 1) << (length - 1 - i);
  return result;
}

/*
 * Fill a table from the lengths of a canonical code (RFC 1951 3.2.2). Codes longer than `width`
 * go into second tables behind the first.
 */
static void build(struct inflate *z, uint32_t *table, unsigned room, unsigned width, const unsigned char *lengths,
                  unsigned n, const uint32_t *symbols) {
  unsigned counts[16] = {0}, next[16], code = 0, longest = 0;
  for (unsigned i = 0; i < n; i++) counts[lengths[i]]++;
  counts[0] = 0;
  int left = 1;
  for (unsigned length = 1; length < 16; length++) {
    left = left * 2 - (int)counts[length];
    if (left < 0) fail(z, "a Huffman code has too many words");
    next[length] = code;
    code = (code + counts[length]) << 1;
    if (counts[length]) longest = length;
  }
  /* Incomplete is only a code of one word, or of none where none is used. */
  if (left > 0 && !(longest <= 1)) fail(z, "a Huffman code has too few words");
  for (unsigned i = 0; i < 1u << width; i++) table[i] = 0;
  unsigned end = 1u << width, second = 0, second_bits = 0, second_prefix = ~0u;
  for (unsigned length = 1; length <= longest; length++) {
    for (unsigned i = 0; i < n; i++) {
      if (lengths[i] != length) continue;
      unsigned word = reversed(next[length]++, length);
      if (length <= width) {
        for (unsigned at = word; at < 1u << width; at += 1u << length) table[at] = symbols[i] | length;
        continue;
      }
      unsigned prefix = word & ((1u << width) - 1);
      if (table[prefix] == 0) { /* codes of one prefix do not come one after another: a table for the longest */
        second_bits = longest - width;
        second = end;
        end += 1u << second_bits;
        if (end > room) fail(z, "a Huffman code has too many words");
        memset(table + second, 0, sizeof *table << second_bits);
        table[prefix] = ENTRY(second, DEEPER, second_bits, width);
      }
      second_prefix = prefix;
      second = VALUE(table[second_prefix]);
      second_bits = EXTRA(table[second_prefix]);
      for (unsigned at = word >> width; at < 1u << second_bits; at += 1u << (length - width))
        table[second + at] = symbols[i] | (length - width);
    }
  }
}

static const uint16_t length_base[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                         31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t length_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                         2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t dist_base[30] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
                                       193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

static void tables(struct inflate *z, const unsigned char *lengths, unsigned nlitlen, unsigned ndist) {
  uint32_t symbols[288];
  for (unsigned i = 0; i < 288; i++) {
    if (i < 256) symbols[i] = ENTRY(i, LITERAL, 0, 0);
    else if (i == 256) symbols[i] = ENTRY(0, END, 0, 0);
    else if (i < 286) symbols[i] = ENTRY(length_base[i - 257], COPY, length_extra[i - 257], 0);
    else symbols[i] = ENTRY(1, BAD, 0, 0);
  }
  build(z, z->litlen, LITLEN_ROOM, LITLEN_BITS, lengths, nlitlen, symbols);
  for (unsigned i = 0; i < 32; i++)
    symbols[i] = i < 30 ? ENTRY(dist_base[i], COPY, i < 2 ? 0 : i / 2 - 1, 0) : ENTRY(1, BAD, 0, 0);
  build(z, z->dist, DIST_ROOM, DIST_BITS, lengths + nlitlen, ndist, symbols);
}

static void fixed_tables(struct inflate *z) {
  unsigned char lengths[320];
  memset(lengths, 8, 144);
  memset(lengths + 144, 9, 112);
  memset(lengths + 256, 7, 24);
  memset(lengths + 280, 8, 8);
  memset(lengths + 288, 5, 32);
  tables(z, lengths, 288, 32);
}

static void dynamic_tables(struct inflate *z) {
  static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  refill(z);
  unsigned nlitlen = take(z, 5) + 257, ndist = take(z, 5) + 1, ncode = take(z, 4) + 4;
  if (nlitlen > 286 || ndist > 30) fail(z, "a block has more symbols than there are");
  unsigned char lengths[320 + 138] = {0}, code[19] = {0};
  for (unsigned i = 0; i < ncode; i++) code[order[i]] = (unsigned char)take(z, 3);
  uint32_t symbols[19];
  for (unsigned i = 0; i < 19; i++) symbols[i] = ENTRY(i, LITERAL, 0, 0);
  build(z, z->litlen, LITLEN_ROOM, 7, code, 19, symbols);
  for (unsigned i = 0; i < nlitlen + ndist;) {
    refill(z);
    uint32_t e = z->litlen[z->bits & 127];
    if (KIND(e) != LITERAL) fail(z, "a code that means nothing");
    take(z, BITS(e));
    unsigned symbol = VALUE(e), repeat = 1, value = symbol;
    if (symbol == 16) {
      if (i == 0) fail(z, "nothing to repeat");
      value = lengths[i - 1];
      repeat = 3 + take(z, 2);
    } else if (symbol == 17) {
      value = 0;
      repeat = 3 + take(z, 3);
    } else if (symbol == 18) {
      value = 0;
      repeat = 11 + take(z, 7);
    }
    if (i + repeat > nlitlen + ndist) fail(z, "more lengths than symbols");
    memset(lengths + i, (int)value, repeat);
    i += repeat;
  }
  if (lengths[256] == 0) fail(z, "a block without an end");
  tables(z, lengths, nlitlen, ndist);
}

static uint32_t crc_tables[8][256];

static uint32_t crc32_add(uint32_t crc, const unsigned char *data, size_t length) {
  if (crc_tables[0][1] == 0) {
    for (unsigned i = 0; i < 256; i++) {
      uint32_t c = i;
      for (unsigned k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
      crc_tables[0][i] = c;
    }
    for (unsigned i = 0; i < 256; i++)
      for (unsigned t = 1; t < 8; t++)
        crc_tables[t][i] = crc_tables[t - 1][i] >> 8 ^ crc_tables[0][crc_tables[t - 1][i] & 255];
  }
  crc = ~crc;
  for (; length >= 8; length -= 8, data += 8) {
    uint32_t low = crc ^ ((uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24);
    crc = crc_tables[7][low & 255] ^ crc_tables[6][low >> 8 & 255] ^ crc_tables[5][low >> 16 & 255] ^
          crc_tables[4][low >> 24] ^ crc_tables[3][data[4]] ^ crc_tables[2][data[5]] ^ crc_tables[1][data[6]] ^
          crc_tables[0][data[7]];
  }
  while (length-- > 0) crc = crc >> 8 ^ crc_tables[0][(crc ^ *data++) & 255];
  return ~crc;
}

/* Give away what the block holds. */
static void flush(struct inflate *z) {
  size_t n = (size_t)(z->out - z->block);
  if (z->io->check) z->crc = crc32_add(z->crc, z->block, n);
  z->size += (uint32_t)n;
  z->written += n;
  z->block = z->out = z->io->put(z->io->data, z->block, n);
  if (!z->block) fail(z, "stopped");
}

static void stored(struct inflate *z) {
  take(z, z->count & 7);
  uint32_t length = take(z, 16);
  if ((length ^ 0xffff) != take(z, 16)) fail(z, "a stored block's length is spoilt");
  while (length > 0) {
    if ((size_t)(z->out - z->block) >= z->io->room) flush(z);
    if (z->count >= 8) { /* what the buffer of bits has taken already */
      *z->out++ = (unsigned char)take(z, 8);
      length--;
      continue;
    }
    z->bits = 0;
    z->count = 0;
    if (z->in == z->in_end && !more(z)) fail(z, "the compressed data end too early");
    size_t n = (size_t)(z->in_end - z->in), room = z->io->room - (size_t)(z->out - z->block);
    if (n > length) n = length;
    if (n > room) n = room;
    memcpy(z->out, z->in, n);
    z->in += n;
    z->out += n;
    length -= (uint32_t)n;
  }
}

static inline unsigned char *copy(unsigned char *out, unsigned distance, unsigned length) {
  const unsigned char *from = out - distance;
  unsigned char *end = out + length;
  if (distance >= 8) { /* may write 7 bytes too much */
    do {
      memcpy(out, from, 8);
      out += 8;
      from += 8;
    } while (out < end);
  } else if (distance == 1) {
    memset(out, *from, length);
  } else {
    do *out++ = *from++;
    while (out < end);
  }
  return end;
}

static void compressed(struct inflate *z) {
  const uint32_t *litlen = z->litlen, *dist = z->dist;
  for (;;) {
    if ((size_t)(z->out - z->block) >= z->io->room) flush(z);
    refill(z);
    uint32_t e = litlen[z->bits & ((1u << LITLEN_BITS) - 1)];
    if (KIND(e) == LITERAL) {
      z->bits >>= BITS(e);
      z->count -= BITS(e);
      *z->out++ = (unsigned char)VALUE(e);
      e = litlen[z->bits & ((1u << LITLEN_BITS) - 1)];
      if (KIND(e) == LITERAL) {
        z->bits >>= BITS(e);
        z->count -= BITS(e);
        *z->out++ = (unsigned char)VALUE(e);
        continue;
      }
      refill(z);
    }
    if (KIND(e) == DEEPER) {
      z->bits >>= BITS(e);
      z->count -= BITS(e);
      e = litlen[VALUE(e) + (z->bits & ((1u << EXTRA(e)) - 1))];
    }
    z->bits >>= BITS(e);
    z->count -= BITS(e);
    if (KIND(e) == LITERAL) {
      *z->out++ = (unsigned char)VALUE(e);
      continue;
    }
    if (KIND(e) == END) return;
    if (KIND(e) != COPY) fail(z, "a code that means nothing");
    unsigned length = VALUE(e) + (unsigned)(z->bits & ((1u << EXTRA(e)) - 1));
    z->bits >>= EXTRA(e);
    z->count -= EXTRA(e);
    if (z->count < 33) refill(z);
    uint32_t d = dist[z->bits & ((1u << DIST_BITS) - 1)];
    if (KIND(d) == DEEPER) {
      z->bits >>= BITS(d);
      z->count -= BITS(d);
      d = dist[VALUE(d) + (z->bits & ((1u << EXTRA(d)) - 1))];
    }
    if (KIND(d) != COPY) fail(z, "a code that means nothing");
    z->bits >>= BITS(d);
    z->count -= BITS(d);
    unsigned distance = VALUE(d) + (unsigned)(z->bits & ((1u << EXTRA(d)) - 1));
    z->bits >>= EXTRA(d);
    z->count -= EXTRA(d);
    if (distance > z->written + (uint64_t)(z->out - z->block)) fail(z, "a distance reaches before the beginning");
    z->out = copy(z->out, distance, length);
  }
}

/* A member's header. False where nothing but zeros follows, with which some writers fill up. */
static bool header(struct inflate *z, bool first) {
  unsigned magic;
  do {
    if (z->count == 0 && z->in == z->in_end && !more(z)) {
      if (first) fail(z, "this is no gzip stream: it is empty");
      return false;
    }
    magic = take(z, 8);
  } while (!first && magic == 0);
  if (magic != 0x1f || take(z, 8) != 0x8b || take(z, 8) != 8)
    fail(z, first ? "this is no gzip stream" : "rubbish follows the gzip stream");
  unsigned flags = take(z, 8);
  if (flags & 0xe0) fail(z, "unknown flags in the gzip header");
  for (unsigned i = 0; i < 6; i++) take(z, 8);
  if (flags & 4)
    for (unsigned n = take(z, 16); n > 0; n--) take(z, 8);
  if (flags & 8)
    while (take(z, 8) != 0) continue;
  if (flags & 16)
    while (take(z, 8) != 0) continue;
  if (flags & 2) take(z, 16);
  return true;
}

static void member(struct inflate *z) {
  z->crc = z->size = 0;
  z->written = 0;
  bool last;
  do {
    refill(z);
    last = take(z, 1);
    unsigned type = take(z, 2);
    if (type == 0) stored(z);
    else if (type == 3) fail(z, "a block of no known type");
    else {
      if (type == 1) fixed_tables(z);
      else dynamic_tables(z);
      compressed(z);
    }
  } while (!last);
  flush(z);
  take(z, z->count & 7);
  uint32_t crc = take(z, 16);
  crc |= take(z, 16) << 16;
  uint32_t size = take(z, 16);
  size |= take(z, 16) << 16;
  if (z->pretended * 8 > z->count) fail(z, "the compressed data end too early");
  if (z->io->check && crc != z->crc) fail(z, "the checksum of the compressed data is wrong");
  if (size != z->size) fail(z, "the length of the compressed data is wrong");
}

const char *inflate_gzip(const struct inflate_io *io, unsigned char *block) {
  struct inflate *z = calloc(1, sizeof *z);
  if (!z) return "no memory";
  z->io = io;
  z->block = z->out = block;
  if (setjmp(z->failed) == 0) {
    for (bool first = true; header(z, first); first = false) member(z);
  }
  const char *why = z->why;
  free(z);
  return why;
}
