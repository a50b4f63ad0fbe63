/* gzip.c: gzip, with inflate.c and huffman.c. */
#ifndef CTR_GZIP_H
#define CTR_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define INFLATE_WINDOW 32768
#define INFLATE_SLACK 320 /* behind an output block: a match of 258 bytes and what is copied too much */

/*
 * Decompress a whole gzip stream, all of its members (RFC 1952). `more` gives input, 0 at its
 * end, negative to give up. `put` takes a full or last block and gives the next: a pointer
 * before which INFLATE_WINDOW bytes of what came last lie and behind which there is room for
 * `room` and INFLATE_SLACK bytes; NULL to give up.
 */
struct inflate_io {
  void *data;
  long (*more)(void *data, const unsigned char **from);
  unsigned char *(*put)(void *data, unsigned char *block, size_t length);
  size_t room;
  bool check; /* the CRC too: where nothing else verifies the content */
};
/* 0, or why not. */
const char *inflate_gzip(const struct inflate_io *io, unsigned char *block);

#endif
