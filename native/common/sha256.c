/* SHA-256 (FIPS 180-4), with the CPU's instructions for it where it has them. */
#include "sha256.h"

#include <string.h>

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }

static void portable(uint32_t state[8], const unsigned char *data, size_t blocks) {
  for (; blocks > 0; blocks--, data += 64) {
    uint32_t w[64], v[8];
    for (unsigned i = 0; i < 16; i++)
      w[i] = (uint32_t)data[4 * i] << 24 | (uint32_t)data[4 * i + 1] << 16 | (uint32_t)data[4 * i + 2] << 8 |
             data[4 * i + 3];
    for (unsigned i = 16; i < 64; i++) {
      uint32_t a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
             (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    memcpy(v, state, sizeof v);
    for (unsigned i = 0; i < 64; i++) {
      uint32_t e = v[4], a = v[0];
      uint32_t t1 = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + K[i] + w[i];
      uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
      memmove(v + 1, v, 7 * sizeof *v);
      v[4] += t1;
      v[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++) state[i] += v[i];
  }
}

#if defined __x86_64__
#include <cpuid.h>
#include <immintrin.h>

/* Intel, "SHA Extensions": the state lies as ABEF and CDGH, four rounds take one vector of the schedule. */
__attribute__((target("sha,sse4.1,ssse3"))) static void by_instructions(uint32_t state[8], const unsigned char *data,
                                                                        size_t blocks) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
  __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
  __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0);
  for (; blocks > 0; blocks--, data += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];
    for (unsigned i = 0; i < 4; i++)
      w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data + 16 * i)), swap);
#pragma GCC unroll 16
    for (unsigned i = 0; i < 16; i++) {
      __m128i now = w[i & 3];
      __m128i round = _mm_add_epi32(now, _mm_loadu_si128((const __m128i *)(K + 4 * i)));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, round);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(round, 0x0e));
      if (i < 12) { /* the vector that is used four times four rounds from now */
        __m128i a = _mm_sha256msg1_epu32(now, w[(i + 1) & 3]);
        a = _mm_add_epi32(a, _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
        w[i & 3] = _mm_sha256msg2_epu32(a, w[(i + 3) & 3]);
      }
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

static bool has_instructions(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}
#endif

static void blocks_of(uint32_t state[8], const unsigned char *data, size_t blocks) {
#if defined __x86_64__
  static int instructions = -1;
  if (instructions < 0) instructions = has_instructions();
  if (instructions) {
    by_instructions(state, data, blocks);
    return;
  }
#endif
  portable(state, data, blocks);
}

void sha256_begin(struct sha256 *sha) {
  static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(sha->state, first, sizeof first);
  sha->length = 0;
}

void sha256_add(struct sha256 *sha, const void *data, size_t length) {
  const unsigned char *from = data;
  size_t held = sha->length % 64;
  sha->length += length;
  if (held > 0) {
    size_t n = length < 64 - held ? length : 64 - held;
    memcpy(sha->block + held, from, n);
    from += n;
    length -= n;
    if (held + n < 64) return;
    blocks_of(sha->state, sha->block, 1);
  }
  blocks_of(sha->state, from, length / 64);
  memcpy(sha->block, from + length / 64 * 64, length % 64);
}

void sha256_end(struct sha256 *sha, char hex[65]) {
  uint64_t bits = sha->length * 8;
  unsigned char end[72] = {0x80};
  size_t pad = (sha->length % 64 < 56 ? 56 : 120) - sha->length % 64;
  for (unsigned i = 0; i < 8; i++) end[pad + i] = (unsigned char)(bits >> (56 - 8 * i));
  sha256_add(sha, end, pad + 8);
  for (unsigned i = 0; i < 64; i++) hex[i] = "0123456789abcdef"[sha->state[i / 8] >> (28 - i % 8 * 4) & 15];
  hex[64] = 0;
}
