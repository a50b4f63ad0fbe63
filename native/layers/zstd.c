/* zstd (RFC 8878), by libzstd. */
#include "codec.h"

#include <stdbool.h>
#include <stdio.h>
#include <zstd.h>

static _Thread_local char words[160]; /* with what the library says; each stream has a thread of its own */

struct unzstd {
  const struct codec_io *io;
  ZSTD_DCtx *context;
  ZSTD_outBuffer out;
};

/* Decompress what `in` holds. What the library says of where it stands goes into *wanted: 0 behind a frame. */
static const char *feed(struct unzstd *z, ZSTD_inBuffer *in, size_t *wanted) {
  /* A full block may leave output behind in the library that needs no more input. */
  for (bool full = false; in->pos < in->size || full;) {
    *wanted = ZSTD_decompressStream(z->context, &z->out, in);
    if (ZSTD_isError(*wanted)) {
      snprintf(words, sizeof words, "the zstd data cannot be decompressed: %s", ZSTD_getErrorName(*wanted));
      return words;
    }
    full = z->out.pos == z->out.size;
    if (!full) continue;
    z->out.dst = z->io->put(z->io->data, z->out.dst, z->out.pos);
    z->out.pos = 0;
    if (!z->out.dst) return "stopped";
  }
  return NULL;
}

static const char *all_frames(struct unzstd *z) {
  size_t wanted = 0;
  const unsigned char *from;
  for (;;) {
    long n = z->io->more(z->io->data, &from);
    if (n < 0) return "the archive cannot be read";
    if (n == 0) break;
    ZSTD_inBuffer in = {.src = from, .size = (size_t)n};
    const char *why = feed(z, &in, &wanted);
    if (why) return why;
  }
  if (wanted != 0) return "the compressed data end too early";
  return z->out.pos == 0 || z->io->put(z->io->data, z->out.dst, z->out.pos) ? NULL : "stopped";
}

const char *decompress_zstd(const struct codec_io *io, unsigned char *block) {
  struct unzstd z = {.io = io, .context = ZSTD_createDCtx(), .out = {.dst = block, .size = io->room}};
  if (!z.context) return "no memory";
  const char *why = all_frames(&z);
  ZSTD_freeDCtx(z.context);
  return why;
}
