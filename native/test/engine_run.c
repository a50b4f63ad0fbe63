/*
 * Runs a bundle of the planner's in the engine, for tests.
 *
 *     engine-run BUNDLE.js [HEAP_MIB [STACK_KIB [SECONDS]]]
 *     engine-run                                by the image that is in its own file
 *     engine-run --make-image BUNDLE CORE OUT   and the other flags of engine_command
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "trailer.h"

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

/* What the launcher looks at beside the planner. */
static int check(int program) {
  struct trailer trailer;
  const char *why;
  if (trailer_read(program, trailer_own_build(), &trailer, &why) == 0 && trailer_check(program, &trailer, false, &why) == 0)
    return 0;
  fprintf(stderr, "engine-run: this program's file cannot be used: %s\n", why);
  return 125;
}

int main(int argc, char **argv) {
  int code = engine_command(argc, argv);
  if (code >= 0) return code;
  struct engine_request request = {
      .name = "engine-run", .heap_bytes = 256u << 20, .stack_bytes = PLANNER_STACK, .cpu_seconds = 10};
  int program = -1;
  if (argc > 2) request.heap_bytes = (size_t)atoi(argv[2]) << 20;
  if (argc > 3) request.stack_bytes = (size_t)atoi(argv[3]) << 10;
  if (argc > 4) request.cpu_seconds = (unsigned)atoi(argv[4]);
  if (argc > 1) {
    request.bundle = read_all(argv[1], &request.length);
    if (!request.bundle) return perror(argv[1]), 2;
  } else {
    program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if ((code = check(program))) return code;
  }
  code = engine_begin(&request, program);
  return code ? code : engine_run();
}
