/* libFuzzer over the records of an extended header. */
#include "memory.h"
#include "tar_parts.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct tar tar = {0};
  struct said said = {0};
  struct entry entry = {0};
  char *text = calloc(1, size + 1);
  memcpy(text, data, size);
  if (pax_records(&tar, &said, text, size) == 0) pax_said(&entry, &said);
  else if (!tar.error[0]) abort();
  pax_free(&said);
  tar_free(&entry);
  free(text);
  return 0;
}

/* `LENGTH KEY=VALUE\n`: the lengths are put right again, or hardly a record would be looked into. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, most);
  if (seed % 16 == 0) return size;
  uint8_t *out = malloc(most);
  if (!out) abort();
  size_t to = 0;
  for (size_t at = 0; at < size;) {
    uint8_t *end = memchr(data + at, '\n', size - at);
    size_t line = end ? (size_t)(end - data) - at : size - at;
    const uint8_t *space = memchr(data + at, ' ', line);
    size_t skip = space ? (size_t)(space - data) - at + 1 : 0;
    char number[24];
    size_t body = line - skip + 2, length = body + 1;
    while ((size_t)snprintf(number, sizeof number, "%zu", length) + body != length) length++;
    if (to + length > most) break;
    to += (size_t)snprintf((char *)out + to, most - to, "%s ", number);
    memcpy(out + to, data + at + skip, line - skip);
    to += line - skip;
    out[to++] = '\n';
    at += line + 1;
  }
  memcpy(data, out, to);
  free(out);
  return to ? to : size;
}
