/* Digests by their names (image-spec descriptor.md, "Registered Algorithms"). */
#ifndef CTR_DIGEST_H
#define CTR_DIGEST_H

#include <stdbool.h>

#include "sha256.h"
#include "sha512.h"

struct digest {
  const char *wanted; /* `ALGORITHM:HEX`; empty: nothing is digested */
  union {
    struct sha256 sha256;
    struct sha512 sha512;
  };
};
/* False where it is of an algorithm that nobody here knows. `wanted` stays the caller's. */
bool digest_begin(struct digest *digest, const char *wanted);
void digest_add(struct digest *digest, const void *data, size_t length);
/* Whether it is what was wanted; what it is, in `found`. */
bool digest_fits(struct digest *digest, char found[160]);

#endif
