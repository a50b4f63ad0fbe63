#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "report.h"

/*
 * Texts with their slots filled in live until the process ends or becomes the command, so
 * nothing is ever given back. Pieces are cut from blocks of a page, which keeps a supervisor
 * small.
 */
void *arena(size_t size) {
  static char *block;
  static size_t left;
  size = (size + 15) & ~(size_t)15;
  if (size > left) {
    size_t fresh = size > 2048 ? size : 4080;
    char *got = malloc(fresh);
    if (!got) die(125, "out of memory");
    if (size > 2048) return got;
    block = got;
    left = fresh;
  }
  void *piece = block;
  block += size;
  left -= size;
  return piece;
}
