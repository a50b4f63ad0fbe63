/*
 * The engine's memory: one arena at a fixed address, with the allocator's own state inside it, so that
 * a process can write the arena to a file and another go on from there (image.c).
 *
 *   [page map, growing down] HEAP_BASE [struct heap] [pages ...        top] [mapped        end]
 */
#ifndef CTR_HEAP_H
#define CTR_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Free in every process on x86-64 (47 bits) and on arm64 with 39 bits of addresses or more: programs,
 * libraries, stacks and the kernel's choices for mmap(2) lie in the first 4 GB or in the upper third.
 */
#ifndef HEAP_BASE
#define HEAP_BASE 0x2000000000ull
#endif
#define HEAP_PAGE 4096u
/* The largest heap that there can be; the page map has room for it. */
#define HEAP_MOST (1u << 30)

/* Sizes up to HEAP_SMALL come from pages of one size each: a multiple of 8 up to 512, then what a page holds 7 to 2 of. */
#define HEAP_SMALL 2048u
#define HEAP_CLASSES 70u
/* Larger ones are whole pages; free runs of pages are kept by the logarithm of their length. */
#define HEAP_BINS 20u

struct heap_free {
  struct heap_free *next;
};

struct heap_run {
  struct heap_run *next, **at;
};

/* What lies at HEAP_BASE. */
struct heap {
  char *top;    /* the end of what was given out so far */
  char *ready;  /* the end of what has pages already */
  char *mapped; /* the end of what is mapped */
  char *limit;
  struct heap_free *free[HEAP_CLASSES]; /* what was given back, by size */
  char *fresh[HEAP_CLASSES];            /* the rest of the newest page of each size */
  struct heap_run *runs[HEAP_BINS];
  void *root; /* what the engine keeps for itself */
};

#define HEAP ((struct heap *)HEAP_BASE)

/*
 * Have pages to write to for all of this memory at once. One that comes by a fault costs a quarter of a microsecond
 * on one machine and twelve on another, where it goes through a hypervisor. Before Linux 5.14 this does nothing, and
 * pages come as they are touched.
 */
void pages_ready(const void *from, size_t bytes);

/* Map an empty arena. 0 or -errno. */
int heap_begin(size_t limit);
/* The lowest and the highest address of the arena that an image has to hold, both at a page's border. */
char *heap_low(void);
char *heap_high(void);
/* Map what a heap needs beside an image that ends at `high`, before the image is mapped over it. 0 or -errno. */
int heap_reserve(char *high);
/*
 * Go on in the image that was mapped: what is in it is kept. It is never given back, and QuickJS counts no references
 * to it (quickjs.sed), as a page that is written to must be copied first.
 */
void heap_resume(char *high);
void heap_limit(size_t limit);
/* Everything that was in it is gone, and another may begin. */
void heap_end(void);
/*
 * What is not in use becomes zeros, so that an image holds nothing of how it was made, and is not
 * given out again: what comes new lies together, behind the image, and not here and there in its pages.
 */
void heap_seal(void);

/* Says that there is no memory left, and ends the process. */
_Noreturn void heap_exhausted(void);

/* The collector's round comes when the heap has grown by this without one; a plan's never does. */
#define HEAP_UNCOLLECTED ((size_t)64 << 20)
/* After a round: how large the heap may become before the next one. */
size_t heap_threshold(void);

/* How many bytes of addresses the heap takes; what was given back counts too. */
static inline size_t heap_used(void) { return (size_t)(HEAP->top - (char *)HEAP_BASE); }

/* --- allocation. Never NULL: without memory heap_exhausted is called. */

/* The word that the page map has for the page of an address: a size and a kind. */
#define HEAP_PAGE_OF(at) (((uintptr_t)(at) - HEAP_BASE) / HEAP_PAGE)
#define HEAP_WORD(page) (*(uint32_t *)(uintptr_t)(HEAP_BASE - sizeof(uint32_t) * ((page) + 1)))
enum { HEAP_KIND_SMALL = 1, HEAP_KIND_SHIFT = 4 };

void *heap_new_slowly(size_t size) __attribute__((returns_nonnull, malloc));
void *heap_resize(void *at, size_t size) __attribute__((returns_nonnull));
void heap_delete_run(size_t page);
/* How many bytes may be used there. */
size_t heap_size(const void *at);

static inline void *heap_new(size_t size) {
  size_t class = (size + 7) / 8 - 1;
  if (class >= 64) return heap_new_slowly(size);
  struct heap_free *block = HEAP->free[class];
  if (!block) return heap_new_slowly(size);
  HEAP->free[class] = block->next;
  return block;
}

/* The end of what is kept; 0 while an image is made. */
extern uintptr_t heap_kept_end;

static inline void heap_delete(void *at) {
  if ((uintptr_t)at < heap_kept_end) return;
  uint32_t word = HEAP_WORD(HEAP_PAGE_OF(at));
  if ((word & ((1u << HEAP_KIND_SHIFT) - 1)) != HEAP_KIND_SMALL) {
    heap_delete_run(HEAP_PAGE_OF(at));
    return;
  }
  struct heap_free *block = at, **list = &HEAP->free[word >> HEAP_KIND_SHIFT];
  block->next = *list;
  *list = block;
}

#endif
