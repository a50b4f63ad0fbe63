/* libFuzzer over gzip, with checksums of what is decompressed. */
#include "libfuzzer_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  (void)decompress(inflate_gzip, data, size);
  return 0;
}
