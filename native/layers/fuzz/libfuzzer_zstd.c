/* libFuzzer over what feeds libzstd. */
#include "libfuzzer_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  (void)decompress(decompress_zstd, data, size);
  return 0;
}
