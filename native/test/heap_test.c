/* The engine's memory: blocks never overlap, keep what is in them, and go on in an image. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../engine/heap.h"

static int failures;

#define CHECK(what)                                             \
  do {                                                          \
    if (!(what)) {                                              \
      failures++;                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
    }                                                           \
  } while (0)

void heap_exhausted(void) { _exit(77); }

struct block {
  unsigned char *at;
  size_t size;
  unsigned char mark;
};

enum { BLOCKS = 3000 };
static struct block blocks[BLOCKS];
static unsigned long long seed = 1;

static unsigned long long chance(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  return seed ^= seed << 17;
}

/* Mostly small, some of a page or two, a few large. */
static size_t some_size(void) {
  unsigned long long kind = chance() % 100;
  return 1 + (size_t)(chance() % (kind < 80 ? 300 : kind < 97 ? 9000 : 300000));
}

static bool whole(const struct block *block, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (block->at[i] != block->mark) return false;
  return true;
}

static void fill(struct block *block) {
  CHECK(heap_size(block->at) >= block->size);
  CHECK((uintptr_t)block->at % 8 == 0);
  memset(block->at, block->mark = (unsigned char)chance(), block->size);
}

static void step(struct block *block) {
  if (!block->at) {
    block->size = some_size();
    block->at = heap_new(block->size);
  } else if (chance() % 3 == 0) {
    size_t before = block->size;
    block->size = some_size();
    block->at = heap_resize(block->at, block->size);
    CHECK(whole(block, before < block->size ? before : block->size));
  } else {
    CHECK(whole(block, block->size));
    heap_delete(block->at);
    block->at = NULL;
    return;
  }
  fill(block);
}

static void steps(unsigned count) {
  for (unsigned i = 0; i < count; i++) step(&blocks[chance() % BLOCKS]);
  for (unsigned i = 0; i < BLOCKS; i++) CHECK(!blocks[i].at || whole(&blocks[i], blocks[i].size));
}

/* A sealed heap, copied, is the same heap; what is new lies behind it, and what is given back is used. */
static void in_an_image(void) {
  heap_seal();
  char *low = heap_low(), *high = heap_high();
  size_t length = (size_t)(high - low);
  char *copy = malloc(length);
  memcpy(copy, low, length);
  heap_end();
  CHECK(heap_reserve(high) == 0);
  memcpy(low, copy, length);
  free(copy);
  heap_resume(high);
  char *fresh = heap_new(64);
  CHECK(fresh >= high);
  steps(100000);
}

/* What is given back can be had again: the heap does not grow for ever. */
static void used_again(void) {
  for (unsigned i = 0; i < BLOCKS; i++) {
    if (blocks[i].at) heap_delete(blocks[i].at);
    blocks[i].at = NULL;
  }
  size_t before = heap_used();
  for (unsigned i = 0; i < 1000; i++) {
    void *large = heap_new(200000), *small = heap_new(100);
    heap_delete(large);
    heap_delete(small);
  }
  CHECK(heap_used() <= before + 300000);
}

static void at_its_limit(void) {
  pid_t pid = fork();
  if (pid == 0) {
    heap_limit(heap_used() + (1 << 20));
    for (;;) memset(heap_new(5000), 1, 5000);
  }
  int status;
  waitpid(pid, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 77);
}

int main(void) {
  CHECK(heap_begin(HEAP_MOST) == 0);
  CHECK(heap_begin(HEAP_MOST) < 0); /* its place is taken */
  steps(300000);
  in_an_image();
  used_again();
  at_its_limit();
  if (failures == 0) puts("heap: ok");
  return failures ? 1 : 0;
}
