/* gzip (RFC 1952): members around deflate streams. */
#include "inflate.h"

#include <stdlib.h>

/* A member's header. False where nothing but zeros follows, with which some writers fill up. */
static bool header(struct inflate *z, bool first) {
  unsigned magic;
  do {
    if (z->count == 0 && z->in == z->in_end && !inflate_more(z)) {
      if (first) inflate_fail(z, "this is not a gzip stream: it is empty");
      return false;
    }
    magic = inflate_take(z, 8);
  } while (!first && magic == 0);
  if (magic != 0x1f || inflate_take(z, 8) != 0x8b || inflate_take(z, 8) != 8)
    inflate_fail(z, first ? "this is not a gzip stream" : "rubbish follows the gzip stream");
  unsigned flags = inflate_take(z, 8);
  if (flags & 0xe0) inflate_fail(z, "unknown flags in the gzip header");
  for (unsigned i = 0; i < 6; i++) inflate_take(z, 8);
  if (flags & 4)
    for (unsigned n = inflate_take(z, 16); n > 0; n--) inflate_take(z, 8);
  if (flags & 8)
    while (inflate_take(z, 8) != 0) continue;
  if (flags & 16)
    while (inflate_take(z, 8) != 0) continue;
  if (flags & 2) inflate_take(z, 16);
  return true;
}

static void member(struct inflate *z) {
  z->crc = z->size = 0;
  z->written = 0;
  inflate_blocks(z);
  inflate_flush(z);
  inflate_take(z, z->count & 7);
  uint32_t crc = inflate_take(z, 16);
  crc |= inflate_take(z, 16) << 16;
  uint32_t size = inflate_take(z, 16);
  size |= inflate_take(z, 16) << 16;
  if (z->pretended * 8 > z->count) inflate_fail(z, "the compressed data end too early");
  if (crc != z->crc) inflate_fail(z, "the checksum of the compressed data is wrong");
  if (size != z->size) inflate_fail(z, "the length of the compressed data is wrong");
}

const char *inflate_gzip(const struct codec_io *io, unsigned char *block) {
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
