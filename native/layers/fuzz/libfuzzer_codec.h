/* A decompressor over bytes in memory: input in pieces, output into blocks with nothing around them but what is promised. */
#ifndef CTR_LIBFUZZER_CODEC_H
#define CTR_LIBFUZZER_CODEC_H

#include "codec.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 15, PIECE = 1000, MOST_BLOCKS = 64 };

struct memory {
  const unsigned char *data;
  size_t length, at;
  unsigned char *piece, *block;
  unsigned blocks;
};

static long more(void *data, const unsigned char **from) {
  struct memory *m = data;
  size_t n = m->length - m->at < PIECE ? m->length - m->at : PIECE;
  free(m->piece);
  m->piece = NULL;
  if (n == 0) return 0;
  m->piece = malloc(n);
  if (!m->piece) abort();
  memcpy(m->piece, m->data + m->at, n);
  m->at += n;
  *from = m->piece;
  return (long)n;
}

static unsigned char *put(void *data, unsigned char *block, size_t length) {
  struct memory *m = data;
  if (block != m->block + INFLATE_WINDOW || length > ROOM + INFLATE_SLACK) abort();
  if (++m->blocks == MOST_BLOCKS) return NULL; /* a bomb has shown what it does */
  unsigned char *next = malloc(INFLATE_WINDOW + ROOM + INFLATE_SLACK);
  if (!next) abort();
  memcpy(next, block + length - INFLATE_WINDOW, INFLATE_WINDOW);
  free(m->block);
  m->block = next;
  return next + INFLATE_WINDOW;
}

/* True: all of it was taken. */
static bool decompress(const char *(*codec)(const struct codec_io *io, unsigned char *block), const uint8_t *data, size_t size) {
  struct memory m = {.data = data, .length = size, .block = calloc(1, INFLATE_WINDOW + ROOM + INFLATE_SLACK)};
  if (!m.block) abort();
  const struct codec_io io = {.data = &m, .more = more, .put = put, .room = ROOM};
  const char *why = codec(&io, m.block + INFLATE_WINDOW);
  free(m.block);
  free(m.piece);
  if (why && !*why) abort();
  return !why;
}

#endif
