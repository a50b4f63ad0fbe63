/* stream.c: an archive's bytes, verified and decompressed on a thread of their own. */
#ifndef CTR_STREAM_H
#define CTR_STREAM_H

#include "kernel.h"

#include <stdbool.h>


struct stream_source {
  int fd;
  bool piped; /* it cannot be read twice, nor from an offset */
  uint64_t offset, size;
  const char *digest;          /* of the blob, `sha256:…` or `sha512:…`, or empty */
  const char *diff;            /* of the archive in it, or empty */
  _Atomic uint64_t *progress;  /* compressed bytes read, for others to see */
};

struct stream;
struct stream *stream_open(const struct stream_source *source);
/* At most `most` bytes that lie at *from until the next call. 0 at the end; -1: stream_error says why. */
long stream_next(struct stream *stream, const unsigned char **from, size_t most);
const char *stream_error(struct stream *stream);
/* Read what is left and verify all. 0, or -1. */
int stream_finish(struct stream *stream);
/* Something was wrong with what was read. True where the blob cannot be read or is not what its digest says, as stream_error then says. */
bool stream_blame(struct stream *stream);
/* Stop reading, and give everything back. */
void stream_close(struct stream *stream);

#endif
