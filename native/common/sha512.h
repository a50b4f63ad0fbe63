/* SHA-512 (FIPS 180-4). */
#ifndef CTR_SHA512_H
#define CTR_SHA512_H

#include <stddef.h>
#include <stdint.h>

struct sha512 {
  uint64_t state[8];
  uint64_t length;
  unsigned char block[128];
};
void sha512_begin(struct sha512 *sha);
void sha512_add(struct sha512 *sha, const void *data, size_t length);
/* Lower case hexadecimal, NUL behind it. */
void sha512_end(struct sha512 *sha, char hex[129]);

#endif
