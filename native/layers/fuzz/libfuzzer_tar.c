/* libFuzzer over the reader of archives: tar, GNU's and pax's headers, sparse maps, access control lists. */
#include "memory.h"
#include "tar.h"

#include <stdio.h>

enum { RECORD = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct stream stream = {.data = data, .length = size, .most = size % 3 == 0 ? 700 : 1 << 20};
  struct tar tar = {.stream = &stream};
  struct entry one;
  int rc;
  long n = 0;
  unsigned sum = 0;
  while ((rc = tar_next(&tar, &one)) > 0) {
    const unsigned char *from;
    for (unsigned i = 0; i < one.nextents; i++)
      if (one.extents[i].offset + one.extents[i].length > one.size) abort();
    sum += (unsigned)strlen(one.name) + (unsigned)strlen(one.link);
    for (struct xattr *x = one.xattrs; x; x = x->next)
      for (size_t i = 0; i < x->length; i++) sum += x->value[i];
    while ((n = tar_data(&tar, &one, &from)) > 0) sum += from[0] + from[n - 1];
    tar_free(&one);
    if (n < 0) break;
  }
  free(stream.piece);
  if ((rc < 0 || n < 0) && !tar.error[0]) abort();
  return sum == 1 ? 0 : 0;
}

static void check_sum(uint8_t *head) {
  unsigned sum = 0;
  memset(head + 148, ' ', 8);
  for (unsigned i = 0; i < RECORD; i++) sum += head[i];
  snprintf((char *)head + 148, 8, "%06o", sum);
}

/* Every record that may be a header is given the checksum by which it is believed. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, most);
  if (seed % 32 == 0) return size;
  for (size_t at = 0; at + RECORD <= size; at += RECORD)
    if (at == 0 || memcmp(data + at + 257, "ustar", 5) == 0) check_sum(data + at);
  return size;
}
