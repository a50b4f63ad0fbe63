/*
 * An image of the heap: written when the launcher is built, mapped when it starts.
 *
 * Only the very program that made an image can use it, since the heap holds addresses of the program's functions and
 * data. So the launcher makes it of itself, and is not position independent; the build ID says that both belong together.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "engine.h"
#include "heap.h"
#include "trailer.h"

int image_map(int fd, const char **why) {
  struct trailer t;
  const uint8_t *build = trailer_own_build();
  *why = "this program was linked without a build ID";
  if (!build || trailer_read(fd, build, &t, why) < 0) return -1;
  char *low = (char *)(uintptr_t)t.image_low, *high = low + t.image_bytes;
  int error = heap_reserve(high);
  if (error < 0) {
    *why = error == -EEXIST ? "the place in memory that the planner needs is taken" : strerror(-error);
    return -1;
  }
  void *at = mmap(low, t.image_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, (off_t)t.image_at);
  *why = strerror(errno);
  if (at == MAP_FAILED) return -1;
  for (unsigned i = 0; i < t.ranges; i++)
    pages_ready(low + (size_t)t.written[i].first * HEAP_PAGE, (size_t)t.written[i].count * HEAP_PAGE);
  heap_resume(high);
  return 0;
}
