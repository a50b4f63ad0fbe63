/*
 * Runs a bundle of the planner's in the engine, for tests.
 *
 *     engine-run BUNDLE.js
 *     engine-run                                by the image that is in its own file
 *     engine-run --make-image BUNDLE CORE OUT   and the other flags of engine_command
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

static char *read_all(const char *path, size_t *length) {
  FILE *file = fopen(path, "r");
  if (!file) return NULL;
  char *text = NULL;
  *length = 0;
  for (size_t room = 0, n = 1; n > 0; *length += n) {
    if (room - *length < 65536) text = realloc(text, room = room * 2 + 131072);
    n = fread(text + *length, 1, room - *length - 1, file);
  }
  fclose(file);
  text[*length] = 0;
  return text;
}

int main(int argc, char **argv) {
  int code = engine_command(argc, argv);
  if (code >= 0) return code;
  struct engine_request request = {
      .name = "engine-run", .heap_bytes = 256u << 20, .stack_bytes = 4u << 20, .cpu_seconds = 10};
  int program = -1;
  if (argc == 2) {
    request.bundle = read_all(argv[1], &request.length);
    if (!request.bundle) return perror(argv[1]), 2;
  } else {
    program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  }
  code = engine_begin(&request, program);
  return code ? code : engine_run();
}
