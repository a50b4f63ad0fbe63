/* Tables for the codes of deflate (RFC 1951 3.2.2), filled in the order in which canonical codes come. */
#include "inflate.h"

#include <string.h>

static const uint16_t length_base[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                         31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t length_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                         2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t dist_base[30] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
                                       193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

enum { LONGEST = 15 };

/* What an entry says of each symbol, but for the bits of its code. */
static uint32_t litlen_symbol(unsigned i) {
  if (i < 256) return ENTRY_LITERAL | i << 16;
  if (i == 256) return ENTRY_RARE | ENTRY_END;
  return i < 286 ? (uint32_t)length_base[i - 257] << 16 | length_extra[i - 257] : ENTRY_BAD;
}

static uint32_t dist_symbol(unsigned i) {
  return i < 30 ? (uint32_t)dist_base[i] << 16 | (i < 2 ? 0 : i / 2 - 1) : ENTRY_BAD;
}

static uint32_t code_symbol(unsigned i) { return ENTRY_LITERAL | i << 16; }

/* The next word of a code of `length` bits, as it is read: its first bit the lowest. */
static unsigned next_word(unsigned word, unsigned length) {
  unsigned zeros = word ^ ((1u << length) - 1);
  unsigned bit = 1u << (31 - __builtin_clz(zeros));
  return (word & (bit - 1)) | bit;
}

/*
 * A table from the lengths of a canonical code. What is indexed by fewer bits than the table is
 * doubled with it; codes longer than `width` go into second tables behind the first.
 */
static const char *build(uint32_t *table, unsigned room, unsigned width, const unsigned char *lengths, unsigned n,
                         uint32_t (*symbol)(unsigned), bool may_lack) {
  unsigned counts[LONGEST + 1] = {0}, first[LONGEST + 2] = {0};
  uint16_t sorted[288];
  for (unsigned i = 0; i < n; i++) counts[lengths[i]]++;
  unsigned zeros = counts[0];
  counts[0] = 0;
  int left = 1;
  for (unsigned length = 1; length <= LONGEST; length++) {
    left = left * 2 - (int)counts[length];
    if (left < 0) return "a Huffman code has too many words";
    first[length + 1] = first[length] + counts[length];
  }
  for (unsigned i = 0; i < n; i++)
    if (lengths[i]) sorted[first[lengths[i]]++] = (uint16_t)i;
  if (left > 0) { /* of one word, or of none where none is used (RFC 1951 3.2.7) */
    if (!may_lack || n - zeros > 1 || (n - zeros == 1 && counts[1] != 1)) return "a Huffman code has too few words";
    for (unsigned i = 0; i < 1u << width; i++)
      table[i] = n - zeros == 1 && (i & 1) == 0 ? symbol(sorted[0]) + 0x101 : ENTRY_BAD;
    return NULL;
  }
  const uint16_t *at = sorted;
  unsigned word = 0, length = 1, end = 2;
  for (; length <= width; length++) {
    for (unsigned i = counts[length]; i > 0; i--) {
      table[word] = symbol(*at++) + length * 0x101;
      if (word == end - 1) { /* the last word of all */
        for (; end < 1u << width; end *= 2) memcpy(table + end, table, end * sizeof *table);
        return NULL;
      }
      word = next_word(word, length);
    }
    if (length == width) break;
    memcpy(table + end, table, end * sizeof *table);
    end *= 2;
  }
  unsigned prefix = ~0u, second = 0, mask = (1u << width) - 1;
  for (length = width + 1; length <= LONGEST; length++) {
    for (; counts[length] > 0; counts[length]--) {
      if ((word & mask) != prefix) {
        /* As wide as the longest of the words that begin so. */
        unsigned more = length - width, fill = counts[length];
        while (fill < 1u << more) fill = fill * 2 + counts[width + ++more];
        prefix = word & mask;
        second = end;
        end += 1u << more;
        if (end > room) return "a Huffman code has too many words";
        table[prefix] = second << 16 | ENTRY_RARE | ENTRY_SECOND | more << 8 | width;
      }
      uint32_t entry = symbol(*at++) + (length - width) * 0x101;
      for (unsigned i = second + (word >> width); i < end; i += 1u << (length - width)) table[i] = entry;
      if (word == (1u << length) - 1) return NULL;
      word = next_word(word, length);
    }
  }
  return NULL;
}

const char *huffman_tables(struct tables *tables, const unsigned char *lengths, unsigned nlitlen, unsigned ndist) {
  const char *why = build(tables->litlen, LITLEN_ROOM, LITLEN_BITS, lengths, nlitlen, litlen_symbol, true);
  return why ? why : build(tables->dist, DIST_ROOM, DIST_BITS, lengths + nlitlen, ndist, dist_symbol, true);
}

void huffman_fixed(struct tables *tables) {
  unsigned char lengths[320];
  memset(lengths, 8, 144);
  memset(lengths + 144, 9, 112);
  memset(lengths + 256, 7, 24);
  memset(lengths + 280, 8, 8);
  memset(lengths + 288, 5, 32);
  (void)huffman_tables(tables, lengths, 288, 32);
}

const char *huffman_code(uint32_t *table, const unsigned char lengths[19]) {
  return build(table, 1u << CODE_BITS, CODE_BITS, lengths, 19, code_symbol, false);
}
