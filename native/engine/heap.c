/*
 * Small sizes come from pages of one size each, so that a block needs no header and objects of a kind
 * lie together; larger ones are runs of pages. The page map has a word for each page: the size of its
 * blocks, or, at both ends of a run, how long it is and whether it is free.
 */
#include "heap.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* Linux 5.14 (madvise(2)). */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define GROWTH ((size_t)2 << 20)
#define READY ((size_t)256 << 10)
#define MAP_BYTES (HEAP_MOST / HEAP_PAGE * sizeof(uint32_t))

enum { KIND_SMALL = HEAP_KIND_SMALL, KIND_RUN, KIND_FREE, KIND_SHIFT = HEAP_KIND_SHIFT };
#define WORD HEAP_WORD

static size_t page_of(const void *at) { return HEAP_PAGE_OF(at); }
static void *page_at(size_t n) { return (void *)(HEAP_BASE + n * HEAP_PAGE); }
static uint32_t kind(uint32_t word) { return word & ((1u << KIND_SHIFT) - 1); }
static uint32_t count(uint32_t word) { return word >> KIND_SHIFT; }

static const uint16_t wide[] = {584, 680, 816, 1024, 1360, 2048};

static unsigned class_of(size_t size) {
  if (size <= 512) return (unsigned)((size + 7) / 8 - 1);
  unsigned n = 0;
  while (size > wide[n]) n++;
  return 64 + n;
}

static size_t class_size(unsigned class) { return class < 64 ? (class + 1) * 8 : wide[class - 64]; }

void pages_ready(const void *from, size_t bytes) {
  uintptr_t low = (uintptr_t)from / HEAP_PAGE * HEAP_PAGE, high = ((uintptr_t)from + bytes + HEAP_PAGE - 1) / HEAP_PAGE * HEAP_PAGE;
  madvise((void *)low, high - low, MADV_POPULATE_WRITE);
}

/* Anonymous memory exactly there. 0 or -errno; EEXIST where something is there already. */
static int map(char *low, char *high) {
  void *got = mmap(low, (size_t)(high - low), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (got == MAP_FAILED) return -errno;
  if (got == low) return 0;
  /* Before Linux 4.17 the flag means nothing, and the address is only a wish. */
  munmap(got, (size_t)(high - low));
  return -EEXIST;
}

int heap_reserve(char *high) {
  char *low = (char *)HEAP_BASE - MAP_BYTES;
  return map(low, high + GROWTH);
}

int heap_begin(size_t limit) {
  char *first = (char *)HEAP_BASE + (sizeof(struct heap) + HEAP_PAGE - 1) / HEAP_PAGE * HEAP_PAGE;
  int error = heap_reserve(first);
  if (error < 0) return error;
  *HEAP = (struct heap){.top = first, .ready = first, .mapped = first + GROWTH};
  heap_limit(limit);
  return 0;
}

uintptr_t heap_kept_end;

void heap_resume(char *high) {
  heap_kept_end = (uintptr_t)high;
  HEAP->ready = high;
  HEAP->mapped = high + GROWTH;
}

void heap_limit(size_t limit) { HEAP->limit = (char *)HEAP_BASE + (limit < HEAP_MOST ? limit : HEAP_MOST); }

void heap_end(void) {
  char *low = (char *)HEAP_BASE - MAP_BYTES;
  munmap(low, (size_t)(HEAP->mapped - low));
}

char *heap_low(void) {
  uintptr_t lowest = (uintptr_t)&WORD(page_of(HEAP->top));
  return (char *)(lowest / HEAP_PAGE * HEAP_PAGE);
}

char *heap_high(void) { return HEAP->top; }

/* A run of pages from the end of the arena. */
static char *extend(size_t pages) {
  struct heap *heap = HEAP;
  char *at = heap->top, *end = at + pages * HEAP_PAGE;
  if (end > heap->limit) heap_exhausted();
  if (end > heap->mapped) {
    char *high = heap->mapped + GROWTH;
    if (high < end + GROWTH) high = end + GROWTH;
    if (map(heap->mapped, high) < 0) heap_exhausted();
    heap->mapped = high;
  }
  if (end > heap->ready) {
    /* The more there is, the more will come. */
    char *ready = end + READY + (size_t)(end - (char *)heap) / 16 / HEAP_PAGE * HEAP_PAGE;
    if (ready > heap->mapped) ready = heap->mapped;
    pages_ready(heap->ready, (size_t)(ready - heap->ready));
    heap->ready = ready;
  }
  heap->top = end;
  return at;
}

/* --- runs of pages */

static unsigned bin_of(size_t pages) {
  unsigned bin = 63 - (unsigned)__builtin_clzll(pages);
  return bin < HEAP_BINS ? bin : HEAP_BINS - 1;
}

static void run_mark(size_t page, size_t pages, uint32_t as) {
  WORD(page) = WORD(page + pages - 1) = (uint32_t)pages << KIND_SHIFT | as;
}

static void run_take(size_t page) {
  struct heap_run *run = page_at(page);
  *run->at = run->next;
  if (run->next) run->next->at = run->at;
}

static void run_put(size_t page, size_t pages) {
  struct heap_run *run = page_at(page), **list = &HEAP->runs[bin_of(pages)];
  run_mark(page, pages, KIND_FREE);
  run->next = *list;
  run->at = list;
  if (run->next) run->next->at = &run->next;
  *list = run;
}

static void run_free(size_t page, size_t pages) {
  uint32_t before = WORD(page - 1);
  if (kind(before) == KIND_FREE) {
    page -= count(before);
    pages += count(before);
    run_take(page);
  }
  if (page + pages == page_of(HEAP->top)) {
    HEAP->top = page_at(page);
    return;
  }
  uint32_t behind = WORD(page + pages);
  if (kind(behind) == KIND_FREE) {
    run_take(page + pages);
    pages += count(behind);
  }
  run_put(page, pages);
}

/* A free run that is long enough, the rest of it given back; or NULL. */
static char *run_find(size_t pages) {
  for (unsigned bin = bin_of(pages); bin < HEAP_BINS; bin++)
    for (struct heap_run *run = HEAP->runs[bin]; run; run = run->next) {
      size_t page = page_of(run), has = count(WORD(page));
      if (has < pages) continue;
      run_take(page);
      if (has > pages) run_put(page + pages, has - pages);
      return (char *)run;
    }
  return NULL;
}

static char *run_new(size_t pages) {
  char *at = run_find(pages);
  return at ? at : extend(pages);
}

static size_t pages_for(size_t size) {
  if (size > HEAP_MOST) heap_exhausted();
  return (size + HEAP_PAGE - 1) / HEAP_PAGE;
}

/* --- blocks */

static void *small_new(unsigned class) {
  struct heap *heap = HEAP;
  size_t size = class_size(class);
  char *at = heap->fresh[class];
  if (!at) {
    at = run_new(1);
    WORD(page_of(at)) = class << KIND_SHIFT | KIND_SMALL;
  }
  char *next = at + size;
  /* Where the page ends, the next one is not begun before it is needed. */
  bool full = (uintptr_t)next % HEAP_PAGE == 0 || HEAP_PAGE - (uintptr_t)next % HEAP_PAGE < size;
  heap->fresh[class] = full ? NULL : next;
  return at;
}

void *heap_new_slowly(size_t size) {
  if (size <= HEAP_SMALL) {
    unsigned class = class_of(size ? size : 1);
    struct heap_free *block = HEAP->free[class];
    if (!block) return small_new(class);
    HEAP->free[class] = block->next;
    return block;
  }
  size_t pages = pages_for(size);
  char *at = run_new(pages);
  run_mark(page_of(at), pages, KIND_RUN);
  return at;
}

void heap_delete_run(size_t page) { run_free(page, count(WORD(page))); }

size_t heap_size(const void *at) {
  uint32_t word = WORD(page_of(at));
  return kind(word) == KIND_SMALL ? class_size(count(word)) : (size_t)count(word) * HEAP_PAGE;
}

/* Make the run longer or shorter where it is, if what is behind it allows that. */
static bool run_resize(size_t page, size_t has, size_t pages) {
  size_t end = page + has;
  if (pages > has) {
    if (end == page_of(HEAP->top)) {
      extend(pages - has);
    } else {
      uint32_t behind = WORD(end);
      if (kind(behind) != KIND_FREE || count(behind) < pages - has) return false;
      run_take(end);
      if (count(behind) > pages - has) run_put(page + pages, count(behind) - (pages - has));
    }
  }
  run_mark(page, pages, KIND_RUN);
  if (pages < has) {
    run_mark(page + pages, has - pages, KIND_RUN);
    run_free(page + pages, has - pages);
  }
  return true;
}

void *heap_resize(void *at, size_t size) {
  size_t page = page_of(at), has = heap_size(at);
  bool small = kind(WORD(page)) == KIND_SMALL, kept = (uintptr_t)at < heap_kept_end;
  if (kept && size <= has) return at;
  if (small && size <= has && size > has / 2) return at;
  if (!small && !kept && size > HEAP_SMALL && run_resize(page, has / HEAP_PAGE, pages_for(size))) return at;
  void *to = heap_new(size);
  memcpy(to, at, size < has ? size : has);
  heap_delete(at);
  return to;
}

/* What was given back and not given out again. */
static size_t spare(void) {
  size_t bytes = 0;
  for (unsigned class = 0; class < HEAP_CLASSES; class++)
    for (const struct heap_free *block = HEAP->free[class]; block; block = block->next) bytes += class_size(class);
  for (unsigned bin = 0; bin < HEAP_BINS; bin++)
    for (const struct heap_run *run = HEAP->runs[bin]; run; run = run->next)
      bytes += (size_t)count(WORD(page_of(run))) * HEAP_PAGE;
  return bytes;
}

/* As much garbage is let lie as half of what is alive; it first takes the room that the round left. */
size_t heap_threshold(void) {
  const size_t least = (size_t)1 << 20;
  size_t has = spare(), alive = heap_used() - has;
  size_t garbage = alive / 2 > HEAP_UNCOLLECTED ? alive / 2 : HEAP_UNCOLLECTED;
  return heap_used() + (garbage > has + least ? garbage - has : least);
}

void heap_seal(void) {
  struct heap *heap = HEAP;
  for (unsigned class = 0; class < HEAP_CLASSES; class++) {
    for (struct heap_free *block = heap->free[class], *next; block; block = next) {
      next = block->next;
      memset(block, 0, class_size(class));
    }
    char *rest = heap->fresh[class];
    if (rest) memset(rest, 0, HEAP_PAGE - (uintptr_t)rest % HEAP_PAGE);
  }
  for (unsigned bin = 0; bin < HEAP_BINS; bin++)
    for (struct heap_run *run = heap->runs[bin], *next; run; run = next) {
      size_t page = page_of(run), pages = count(WORD(page));
      next = run->next;
      memset(run, 0, pages * HEAP_PAGE);
      /* Nobody's, and yet in use: its neighbours must not be joined with it. */
      run_mark(page, pages, KIND_RUN);
    }
  memset(heap->free, 0, sizeof heap->free);
  memset(heap->fresh, 0, sizeof heap->fresh);
  memset(heap->runs, 0, sizeof heap->runs);
}
