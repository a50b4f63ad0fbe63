/* CRC-32 (ISO 3309; RFC 1952, 8), by carry-less multiplication where the CPU has it, else by tables. */
#include "codec.h"

static uint32_t crc_tables[8][256];

/* Eight bytes at a time by tables; `crc` is complemented already. */
static uint32_t by_tables(uint32_t crc, const unsigned char *data, size_t length) {
  if (crc_tables[0][1] == 0) {
    for (unsigned i = 0; i < 256; i++) {
      uint32_t c = i;
      for (unsigned k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
      crc_tables[0][i] = c;
    }
    for (unsigned i = 0; i < 256; i++)
      for (unsigned t = 1; t < 8; t++)
        crc_tables[t][i] = crc_tables[t - 1][i] >> 8 ^ crc_tables[0][crc_tables[t - 1][i] & 255];
  }
  for (; length >= 8; length -= 8, data += 8) {
    uint32_t low = crc ^ ((uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24);
    crc = crc_tables[7][low & 255] ^ crc_tables[6][low >> 8 & 255] ^ crc_tables[5][low >> 16 & 255] ^
          crc_tables[4][low >> 24] ^ crc_tables[3][data[4]] ^ crc_tables[2][data[5]] ^ crc_tables[1][data[6]] ^
          crc_tables[0][data[7]];
  }
  while (length-- > 0) crc = crc >> 8 ^ crc_tables[0][(crc ^ *data++) & 255];
  return crc;
}

#if defined __x86_64__
#include <cpuid.h>
#include <immintrin.h>

#define FOLD(x, k, next) \
  _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(x, k, 0x00), _mm_clmulepi64_si128(x, k, 0x11)), next)
#define LOAD(at) _mm_loadu_si128((const __m128i *)(at))

/*
 * Intel, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", with the constants
 * that it gives for the reflected polynomial. `length` is a multiple of 16 and at least 64.
 */
__attribute__((target("pclmul,sse4.1"))) static uint32_t by_multiplying(uint32_t crc, const unsigned char *data,
                                                                        size_t length) {
  const __m128i by_512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4), by_128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
  const __m128i by_64 = _mm_set_epi64x(0, 0x163cd6124), poly = _mm_set_epi64x(0x1f7011641, 0x1db710641);
  const __m128i low = _mm_set_epi32(0, -1, 0, -1);
  __m128i a = _mm_xor_si128(LOAD(data), _mm_cvtsi32_si128((int)crc));
  __m128i b = LOAD(data + 16), c = LOAD(data + 32), d = LOAD(data + 48);
  for (data += 64, length -= 64; length >= 64; data += 64, length -= 64) {
    a = FOLD(a, by_512, LOAD(data));
    b = FOLD(b, by_512, LOAD(data + 16));
    c = FOLD(c, by_512, LOAD(data + 32));
    d = FOLD(d, by_512, LOAD(data + 48));
  }
  a = FOLD(a, by_128, b);
  a = FOLD(a, by_128, c);
  a = FOLD(a, by_128, d);
  for (; length >= 16; data += 16, length -= 16) a = FOLD(a, by_128, LOAD(data));
  /* To 64 bits, then to 32 (Barrett). */
  a = _mm_xor_si128(_mm_srli_si128(a, 8), _mm_clmulepi64_si128(a, by_128, 0x10));
  a = _mm_xor_si128(_mm_srli_si128(a, 4), _mm_clmulepi64_si128(_mm_and_si128(a, low), by_64, 0x00));
  __m128i q = _mm_and_si128(_mm_clmulepi64_si128(_mm_and_si128(a, low), poly, 0x10), low);
  return (uint32_t)_mm_extract_epi32(_mm_xor_si128(a, _mm_clmulepi64_si128(q, poly, 0x00)), 1);
}

static int multiplies(void) {
  static int known;
  unsigned a, b, c = 0, d;
  if (!known) known = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_PCLMUL) && (c & bit_SSE4_1) ? 1 : -1;
  return known > 0;
}
#else
static int multiplies(void) { return 0; }
static uint32_t by_multiplying(uint32_t crc, const unsigned char *data, size_t length) {
  return by_tables(crc, data, length);
}
#endif

uint32_t crc32_add(uint32_t crc, const unsigned char *data, size_t length) {
  crc = ~crc;
  if (length >= 64 && multiplies()) {
    size_t part = length & ~(size_t)15;
    crc = by_multiplying(crc, data, part);
    data += part;
    length -= part;
  }
  return ~by_tables(crc, data, length);
}
