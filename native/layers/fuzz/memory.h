/* The archive's reader over bytes in memory, in pieces of odd sizes, with neither thread nor file. */
#ifndef CTR_FUZZ_MEMORY_H
#define CTR_FUZZ_MEMORY_H

#include "stream.h"

#include <stdlib.h>
#include <string.h>

struct stream {
  const unsigned char *data;
  size_t length, at, most;
  unsigned char *piece; /* of exactly its size, so that a sanitizer sees what lies beyond */
};

long stream_next(struct stream *s, const unsigned char **from, size_t most) {
  size_t n = s->length - s->at;
  if (n > most) n = most;
  if (n > s->most) n = s->most;
  free(s->piece);
  s->piece = NULL;
  if (n == 0) return 0;
  s->piece = malloc(n);
  if (!s->piece) abort();
  memcpy(s->piece, s->data + s->at, n);
  s->at += n;
  *from = s->piece;
  return (long)n;
}

const char *stream_error(struct stream *s) {
  (void)s;
  return "it ends too early";
}

#endif
