/* Decompressing a whole stream: gzip.c, with inflate.c, huffman.c and crc.c; and zstd.c. */
#ifndef CTR_CODEC_H
#define CTR_CODEC_H

#include <stddef.h>
#include <stdint.h>

#define INFLATE_WINDOW 32768
#define INFLATE_SLACK 320 /* behind an output block: a match of 258 bytes and what is copied too much */

/*
 * `more` gives input, 0 at its end, negative to give up. `put` takes a full or last block and gives
 * the next: a pointer before which INFLATE_WINDOW bytes of what came last lie and behind which there is
 * room for `room` and INFLATE_SLACK bytes; NULL to give up.
 */
struct codec_io {
  void *data;
  long (*more)(void *data, const unsigned char **from);
  unsigned char *(*put)(void *data, unsigned char *block, size_t length);
  size_t room;
};

/* All of a gzip stream's members (RFC 1952), with the checksum and length of each. NULL, or why not. */
const char *inflate_gzip(const struct codec_io *io, unsigned char *block);
/* All of a zstd stream's frames (RFC 8878), with the checksums that they have; skippable frames are passed over. NULL, or why not. */
const char *decompress_zstd(const struct codec_io *io, unsigned char *block);

/* crc.c: the checksum of gzip (ISO 3309) over more data. */
uint32_t crc32_add(uint32_t crc, const unsigned char *data, size_t length);

#endif
