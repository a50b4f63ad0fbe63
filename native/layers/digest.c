/* Digests by their names (image-spec descriptor.md, "Registered Algorithms"). */
#include "digest.h"

#include <string.h>

static bool is(const struct digest *digest, const char *algorithm) {
  return strncmp(digest->wanted, algorithm, strlen(algorithm)) == 0;
}

bool digest_begin(struct digest *digest, const char *wanted) {
  digest->wanted = wanted;
  if (is(digest, "sha256:")) sha256_begin(&digest->sha256);
  else if (is(digest, "sha512:")) sha512_begin(&digest->sha512);
  else digest->wanted = "";
  return *digest->wanted || !*wanted;
}

void digest_add(struct digest *digest, const void *data, size_t length) {
  if (is(digest, "sha256:")) sha256_add(&digest->sha256, data, length);
  else if (*digest->wanted) sha512_add(&digest->sha512, data, length);
}

bool digest_fits(struct digest *digest, char found[160]) {
  *found = 0;
  if (!*digest->wanted) return true;
  memcpy(found, digest->wanted, 7);
  if (is(digest, "sha256:")) sha256_end(&digest->sha256, found + 7);
  else sha512_end(&digest->sha512, found + 7);
  return strcmp(found, digest->wanted) == 0;
}
