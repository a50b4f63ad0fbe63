/* What the parts of the gzip decoder share. */
#ifndef CTR_INFLATE_H
#define CTR_INFLATE_H

#include <setjmp.h>

#include <stdbool.h>

#include "codec.h"

/* --- huffman.c: tables by which a code is looked up */

enum { LITLEN_BITS = 11, DIST_BITS = 8, CODE_BITS = 7 };
/*
 * The most that 288 and 32 symbols with codes of at most 15 bits can take, second tables and all
 * (zlib's examples/enough.c finds these numbers); `build` looks after it all the same.
 */
enum { LITLEN_ROOM = 2342, DIST_ROOM = 402 };

/*
 * An entry, as libdeflate lays it out: its low byte is how many bits to drop, those of the code
 * with the extra bits behind it, so that dropping needs no second look.
 *
 *     bits 16-30  a literal, the least length or distance, or where a second table begins
 *     bits 8-11   the code's own bits; of a second table, the bits that index it
 *     bits 0-7    bits to drop
 */
#define ENTRY_LITERAL 0x80000000u
#define ENTRY_RARE 0x8000u    /* none of a literal, a length, a distance: */
#define ENTRY_SECOND 0x4000u  /* a second table */
#define ENTRY_END 0x2000u     /* of the block */
#define ENTRY_BAD ENTRY_RARE  /* no symbol */

/* Bits that an entry drops, its value, and of the bits before dropping the extra ones. */
#define DROP(e) ((e) & 255)
#define VALUE(e) ((e) >> 16 & 0x7fff)
#define EXTRA(e, bits) ((unsigned)(((bits) & (((uint64_t)1 << DROP(e)) - 1)) >> ((e) >> 8 & 15)))
#define SECOND(e, bits) (VALUE(e) + (unsigned)((bits) & ((1u << ((e) >> 8 & 15)) - 1)))

struct tables {
  uint32_t litlen[LITLEN_ROOM], dist[DIST_ROOM];
};
/* Both codes of a block from the lengths of their words. NULL, or what is wrong with them. */
const char *huffman_tables(struct tables *tables, const unsigned char *lengths, unsigned nlitlen, unsigned ndist);
void huffman_fixed(struct tables *tables);
/* The code in which a block's lengths are written; `table` has room for 1 << CODE_BITS. */
const char *huffman_code(uint32_t *table, const unsigned char lengths[19]);

/* --- inflate.c: a deflate stream */

struct inflate {
  const struct codec_io *io;
  uint64_t bits; /* the next bits, lowest first; above `count` lie some that will be read again */
  unsigned count;
  const unsigned char *in, *in_end;
  bool in_over; /* no more comes */
  unsigned pretended; /* bytes of zeros that stand for input behind its end */
  unsigned char *block, *out;
  uint32_t crc, size;
  uint64_t written; /* by this member: how far a distance may reach, beside what the block holds */
  jmp_buf failed;
  const char *why;
  bool fixed; /* the tables are those of fixed codes */
  struct tables tables;
};
_Noreturn void inflate_fail(struct inflate *z, const char *why);
/* Have more input, where none is left. False at its end. */
bool inflate_more(struct inflate *z);
/* Up to 32 bits. */
uint32_t inflate_take(struct inflate *z, unsigned n);
/* Give away what the block holds. */
void inflate_flush(struct inflate *z);
/* All blocks of a deflate stream. */
void inflate_blocks(struct inflate *z);

#endif
