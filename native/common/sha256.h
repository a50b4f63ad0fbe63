/* SHA-256 (FIPS 180-4). */
#ifndef CTR_SHA256_H
#define CTR_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sha256 {
  uint32_t state[8];
  uint64_t length;
  unsigned char block[64];
};
void sha256_begin(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *data, size_t length);
/* Lower case hexadecimal, NUL behind it. */
void sha256_end(struct sha256 *sha, char hex[65]);

#endif
