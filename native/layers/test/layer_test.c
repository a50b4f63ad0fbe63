/* Digests, numbers of headers and access control lists: what the reader of layers computes by itself. */
#include "codec.h"
#include "digest.h"
#include "tar_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void check(bool fine, const char *what) {
  if (fine) return;
  printf("layer: %s\n", what);
  failures++;
}

/* The digest of `n` times `a`, given in two parts. */
static void digests_to(const char *wanted, size_t n, size_t part) {
  static char text[1000000];
  char found[160];
  struct digest digest;
  memset(text, 'a', sizeof text);
  check(digest_begin(&digest, wanted), "an algorithm is not known");
  digest_add(&digest, text, part);
  digest_add(&digest, text + part, n - part);
  check(digest_fits(&digest, found), found);
}

/* FIPS 180-4's example of a million letters, and one below, at and above where the padding takes a block of its own. */
static void digests(void) {
  digests_to("sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", 1000000, 77);
  digests_to("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0, 0);
  digests_to("sha256:9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318", 55, 1);
  digests_to("sha256:b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a", 56, 55);
  digests_to("sha512:e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
             1000000, 129);
  digests_to("sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
             0, 0);
  struct digest digest;
  char found[160];
  check(!digest_begin(&digest, "md5:00"), "md5 is not a digest for layers");
  check(digest_begin(&digest, "sha256:00"), "sha256 is known");
  check(!digest_fits(&digest, found), "a wrong digest fits");
  check(digest_begin(&digest, "") && digest_fits(&digest, found), "nothing is wanted, and does not fit");
}

static void numbers(void) {
  static const struct {
    const char *field;
    unsigned n;
    int64_t value;
  } cases[] = {
      {"0000644", 8, 0644},
      {"   17 ", 8, 017},
      {"\0\0\0\0\0\0\0", 8, 0},
      {"777777777777", 12, 0777777777777},
      {"\x80\0\0\0\0\0\1\0", 8, 256},
      {"\xff\xff\xff\xff\xff\xff\xff\xff", 8, -1},
      {"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12, INT64_MAX},
      {"\x80\0\0\1\0\0\0\0\0\0\0\0", 12, INT64_MAX},
      {"\xff\xff\xff\xfe\0\0\0\0\0\0\0\0", 12, INT64_MIN},
  };
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    char words[64];
    int64_t found = tar_number((const unsigned char *)cases[i].field, cases[i].n);
    snprintf(words, sizeof words, "number %u is %lld", i, (long long)found);
    check(found == cases[i].value, words);
  }
}

static void lists(void) {
  static const unsigned char wanted[] = {2, 0, 0, 0,                                /* version */
                                         1, 0, 7, 0, 255, 255, 255, 255,            /* the owner */
                                         2, 0, 4, 0, 5, 0, 0, 0,                    /* user 5 */
                                         2, 0, 6, 0, 0xe8, 3, 0, 0,                 /* user 1000 */
                                         4, 0, 5, 0, 255, 255, 255, 255,            /* the group */
                                         16, 0, 7, 0, 255, 255, 255, 255,           /* the mask, computed */
                                         32, 0, 0, 0, 255, 255, 255, 255};          /* others */
  static const char *const same[] = {
      "user::rwx,user:lisa:rw-:1000,user:5:r--,group::r-x,other::---",
      "other::---\ngroup::r-x\t#effective:r-x\nu:1000:rw-\nu:bart:r--:5\nu::rwx\n",
      "user::rwx,user:5:r--,user:1000:rw-,group::r-x,mask::rwx,other::---",
      "user::rwx,user:5:r--,user:1000:rw-,group::r-x,mask:rwx,other:---",
  };
  static const char *const wrong[] = {"user:lisa:r--", "user::rwq", "nobody::rwx", "user:4294967295:r--", "group:-1:r--", "user"};
  unsigned char *value;
  char words[160];
  for (unsigned i = 0; i < sizeof same / sizeof *same; i++) {
    long n = acl_from_text(same[i], &value, words, sizeof words);
    check(n == sizeof wanted && memcmp(value, wanted, sizeof wanted) == 0, same[i]);
    free(value);
  }
  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    words[0] = 0;
    long n = acl_from_text(wrong[i], &value, words, sizeof words);
    /* A word alone is an entry without permissions, which the kernel refuses to set. */
    check(strcmp(wrong[i], "user") == 0 || (n == -1 && words[0]), wrong[i]);
    free(value);
  }
}

/* As its definition computes it, a bit at a time. */
static uint32_t crc_by_bits(uint32_t crc, const unsigned char *data, size_t length) {
  for (crc = ~crc; length > 0; length--) {
    crc ^= *data++;
    for (unsigned i = 0; i < 8; i++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
  }
  return ~crc;
}

/* Every length around those that are taken together, at every alignment. */
static void checksums(void) {
  static unsigned char data[1200];
  unsigned wrong = 0;
  for (unsigned i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 167 + i / 7);
  check(crc32_add(0, (const unsigned char *)"123456789", 9) == 0xcbf43926, "the checksum of 1 to 9");
  for (unsigned at = 0; at < 16; at++)
    for (unsigned n = 0; n < 1100; n += n < 300 ? 1 : 37)
      wrong += crc32_add(n * 2654435761u, data + at, n) != crc_by_bits(n * 2654435761u, data + at, n);
  check(wrong == 0, "checksums differ from those by bits");
}

int main(void) {
  digests();
  checksums();
  numbers();
  lists();
  if (failures == 0) printf("layer: ok\n");
  return failures != 0;
}
