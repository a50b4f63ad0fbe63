/* Digests by their names (image-spec descriptor.md, "Registered Algorithms"). */
#ifndef CTR_DIGEST_H
#define CTR_DIGEST_H

#include <stdbool.h>

#include "sha256.h"

/* sha512.c: SHA-512 (FIPS 180-4) */
struct sha512 {
  uint64_t state[8];
  uint64_t length;
  unsigned char block[128];
};
void sha512_begin(struct sha512 *sha);
void sha512_add(struct sha512 *sha, const void *data, size_t length);
void sha512_end(struct sha512 *sha, char hex[129]);

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
