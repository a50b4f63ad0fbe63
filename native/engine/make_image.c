/*
 * The launcher's whole file, made by the launcher: its own program, the planner's heap and the core.
 *
 *   --make-image BUNDLE CORE OUT [REQUEST...]   two processes prepare a heap each; where both come to the same, it is
 *                                               the image. Requests are answered by it, to see what they write to
 *   --heap BUNDLE FILE                          one of these
 *   --pages REQUEST FILE                        in the whole file: answer a request, and say which pages were written
 *   --check-image [FILE]                        whether a file is whole and as it was made
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine.h"
#include "heap.h"
#include "trailer.h"

struct bytes {
  char *at;
  size_t length;
};

static int fail(const char *format, ...) {
  va_list list;
  va_start(list, format);
  fputs("ctr-launcher: ", stderr);
  vfprintf(stderr, format, list);
  fputc('\n', stderr);
  va_end(list);
  return 125;
}

/* A file's bytes, with a NUL behind them. 0, or 125 when it was told why not. */
static int load(const char *path, struct bytes *bytes) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) < 0) return fail("read %s: %s", path, strerror(errno));
  bytes->length = (size_t)st.st_size;
  bytes->at = mmap(NULL, bytes->length + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes->at == MAP_FAILED) return fail("read %s: %s", path, strerror(errno));
  for (size_t at = 0; at < bytes->length;) {
    ssize_t n = read(fd, bytes->at + at, bytes->length - at);
    if (n <= 0) return fail("read %s: %s", path, n < 0 ? strerror(errno) : "it became shorter");
    at += (size_t)n;
  }
  close(fd);
  return 0;
}

static int put(int fd, const void *data, size_t length) {
  for (const char *at = data; length > 0;) {
    ssize_t n = write(fd, at, length);
    if (n < 0 && errno != EINTR) return -1;
    if (n > 0) at += n, length -= (size_t)n;
  }
  return 0;
}

/* --- --heap: the heap, and behind it the address at which it begins */

static int dump_heap(const char *bundle, const char *out) {
  struct bytes source;
  int code = load(bundle, &source);
  if (code) return code;
  struct engine_request request = {.name = "ctr-launcher",
                                   .bundle = source.at,
                                   .length = source.length,
                                   .heap_bytes = HEAP_MOST,
                                   .stack_bytes = 4u << 20};
  if ((code = engine_prepare(&request))) return code;
  int fd = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  char *low = heap_low();
  uint64_t address = (uintptr_t)low;
  if (fd < 0 || put(fd, low, (size_t)(heap_high() - low)) < 0 || put(fd, &address, sizeof address) < 0)
    return fail("write %s: %s", out, strerror(errno));
  return 0;
}

struct dump {
  struct bytes heap;
  uint64_t low;
};

/* What `program FLAG ARGUMENT FILE` writes to a file, which is then gone. */
static int written_by(const char *program, const char *flag, const char *argument, const char *out, struct bytes *bytes) {
  char path[4096];
  snprintf(path, sizeof path, "%s.part", out);
  unlink(path);
  pid_t pid = fork();
  if (pid < 0) return fail("fork: %s", strerror(errno));
  if (pid == 0) {
    execl(program, "ctr-launcher", flag, argument, path, (char *)NULL);
    _exit(fail("start %s: %s", program, strerror(errno)));
  }
  int status, code = 125;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) code = load(path, bytes);
  else if (!WIFEXITED(status)) fail("%s %s ended by signal %d", flag, argument, WTERMSIG(status));
  unlink(path);
  return code;
}

/* A heap that a new process of this program prepares. */
static int heap_of(const char *bundle, const char *out, struct dump *dump) {
  int code = written_by("/proc/self/exe", "--heap", bundle, out, &dump->heap);
  if (code) return code;
  dump->heap.length -= sizeof dump->low;
  memcpy(&dump->low, dump->heap.at + dump->heap.length, sizeof dump->low);
  return 0;
}

/* --- --pages */

/* Which pages of the image were written is what the kernel says of copies (pagemap, bit 61: of a file). A byte each. */
static int written_pages(const char *low, size_t pages, char *written) {
  int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  for (size_t page = 0; page < pages; page++) {
    uint64_t entry;
    off_t at = (off_t)(((uintptr_t)low / HEAP_PAGE + page) * sizeof entry);
    if (pread(fd, &entry, sizeof entry, at) != sizeof entry) return fail("read /proc/self/pagemap: %s", strerror(errno));
    written[page] = (entry >> 63) != 0 && (entry >> 61 & 1) == 0;
  }
  close(fd);
  return 0;
}

/* What a planner finds open: the request on 3, and nothing that it could write to. */
static int open_for_planner(const char *request) {
  int asked = fcntl(open(request, O_RDONLY | O_CLOEXEC), F_DUPFD_CLOEXEC, 10);
  int nothing = fcntl(open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, 10);
  for (int fd = 0; fd < 5; fd++)
    if (dup2(fd == 3 ? asked : nothing, fd) < 0) return fail("open %s: %s", request, strerror(errno));
  return 0;
}

static int answer(const char *file, const char *out) {
  struct engine_request request = {.name = "ctr-launcher", .heap_bytes = HEAP_MOST, .stack_bytes = 2u << 20};
  struct trailer t;
  const char *why;
  int own = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  int told = fcntl(open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), F_DUPFD_CLOEXEC, 10);
  if (told < 0) return fail("write %s: %s", out, strerror(errno));
  if (trailer_read(own, NULL, &t, &why) < 0) return fail("read the image: %s", why);
  int code = engine_begin(&request, own);
  if (code || (code = open_for_planner(file))) return code;
  (void)engine_run();
  size_t pages = t.image_bytes / HEAP_PAGE;
  char *written = calloc(pages, 1);
  code = written ? written_pages((char *)(uintptr_t)t.image_low, pages, written) : 125;
  return code == 0 && put(told, written, pages) < 0 ? 125 : code;
}

/* --- --make-image */

/* Addresses of functions are in the heap, and must be the same wherever the program is started. */
static int check_program(const struct bytes *program) {
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)program->at;
  if (program->length < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
    return fail("/proc/self/exe is not an ELF file");
  if (header->e_type != ET_EXEC) return fail("this program is position independent; link it with -no-pie");
  if (!trailer_own_build()) return fail("this program has no build ID; link it with --build-id=sha1");
  return 0;
}

static int same_heaps(const struct bytes *a, const struct bytes *b) {
  for (size_t at = 0; at < a->length && a->length == b->length; at += 8)
    if (memcmp(a->at + at, b->at + at, 8) != 0)
      return fail("the planner's heap is not the same in two processes, at offset %zu: %016llx and %016llx", at,
                  *(unsigned long long *)(a->at + at), *(unsigned long long *)(b->at + at));
  if (a->length != b->length) return fail("the planner's heap is not as large in two processes: %zu and %zu", a->length, b->length);
  return 0;
}

static int write_whole(const char *out, const struct bytes parts[3], struct trailer *t) {
  static const char zeros[4096];
  char temporary[4096];
  snprintf(temporary, sizeof temporary, "%s.new", out);
  unlink(temporary);
  t->sum = trailer_sum(t, offsetof(struct trailer, sum));
  int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
  if (fd < 0 || put(fd, parts[0].at, parts[0].length) < 0 || put(fd, zeros, t->image_at - parts[0].length) < 0 ||
      put(fd, parts[1].at, parts[1].length) < 0 || put(fd, parts[2].at, parts[2].length) < 0 ||
      put(fd, zeros, (64 - parts[2].length % 64) % 64) < 0 || put(fd, t, sizeof *t) < 0 || fchmod(fd, 0755) < 0 ||
      close(fd) < 0 || rename(temporary, out) < 0)
    return fail("write %s: %s", out, strerror(errno));
  return 0;
}

/* The program alone, where there is an image behind it already. */
static int load_program(struct bytes *program) {
  struct trailer t;
  const char *why;
  int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  bool whole = fd >= 0 && trailer_read(fd, trailer_own_build(), &t, &why) == 0;
  if (fd >= 0) close(fd);
  int code = load("/proc/self/exe", program);
  if (code == 0 && whole) program->length = t.program_bytes;
  return code ? code : check_program(program);
}

/* Pages that were written, as ranges; what lies between two of them and is no longer than `gap` goes with them. */
static unsigned ranges_of(const char *written, uint32_t pages, uint32_t gap, struct trailer_range *ranges) {
  unsigned count = 0;
  for (uint32_t page = 0; page < pages; page++) {
    if (!written[page]) continue;
    struct trailer_range *last = count ? &ranges[count - 1] : NULL;
    if (last && page - (last->first + last->count) <= gap) {
      last->count = page + 1 - last->first;
    } else {
      if (count == TRAILER_RANGES) return TRAILER_RANGES + 1;
      ranges[count++] = (struct trailer_range){page, 1};
    }
  }
  return count;
}

/* What the planner writes to when it answers the requests, so that a start can have copies of these pages at once. */
static int learn(const char *out, int count, char **requests, struct trailer *t) {
  uint32_t pages = (uint32_t)(t->image_bytes / HEAP_PAGE);
  char *written = calloc(pages, 1);
  if (!written) return fail("no memory");
  for (int i = 0; i < count; i++) {
    struct bytes one;
    int code = written_by(out, "--pages", requests[i], out, &one);
    if (code || one.length != pages) return code ? code : fail("%s was not answered", requests[i]);
    for (uint32_t page = 0; page < pages; page++) written[page] |= one.at[page];
  }
  /* A call more costs as much as two pages. */
  for (uint32_t gap = 1; (t->ranges = ranges_of(written, pages, gap, t->written)) > TRAILER_RANGES; gap++) continue;
  free(written);
  return 0;
}

static int make(const char *bundle, const char *core, const char *out, int count, char **requests) {
  struct bytes parts[3];
  struct dump first, second;
  int code;
  if ((code = load_program(&parts[0])) || (code = load(core, &parts[2])) || (code = heap_of(bundle, out, &first)) ||
      (code = heap_of(bundle, out, &second)) || (code = same_heaps(&first.heap, &second.heap)))
    return code;
  parts[1] = first.heap;
  struct trailer t = {.magic = TRAILER_MAGIC, .version = TRAILER_VERSION};
  memcpy(t.build, trailer_own_build(), TRAILER_BUILD);
  t.program_bytes = parts[0].length;
  t.image_at = (parts[0].length + 4095) / 4096 * 4096;
  t.image_bytes = parts[1].length;
  t.image_low = first.low;
  t.core_at = t.image_at + t.image_bytes;
  t.core_bytes = parts[2].length;
  /* load() leaves zeros up to the page's end, and a page more where there is no rest. */
  t.program_sum = trailer_sum(parts[0].at, t.image_at);
  t.image_sum = trailer_sum(parts[1].at, parts[1].length);
  t.core_sum = trailer_sum(parts[2].at, (parts[2].length + 63) / 64 * 64);
  if ((code = write_whole(out, parts, &t)) || count == 0) return code;
  return (code = learn(out, count, requests, &t)) ? code : write_whole(out, parts, &t);
}

/* --- --check-image */

static int check(const char *path) {
  struct trailer t;
  const char *why;
  bool own = strcmp(path, "/proc/self/exe") == 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail("open %s: %s", path, strerror(errno));
  if (trailer_read(fd, own ? trailer_own_build() : NULL, &t, &why) < 0 || trailer_check(fd, &t, true, &why) < 0)
    return fail("%s cannot be used: %s", path, why);
  unsigned written = 0;
  for (unsigned i = 0; i < t.ranges; i++) written += t.written[i].count;
  printf("program %llu bytes, image %llu, core %llu; %u of %llu pages are written, in %u ranges\n",
         (unsigned long long)t.program_bytes, (unsigned long long)t.image_bytes, (unsigned long long)t.core_bytes, written,
         (unsigned long long)t.image_bytes / HEAP_PAGE, t.ranges);
  return 0;
}

int engine_command(int argc, char **argv) {
  const char *flag = argc > 1 ? argv[1] : "";
  if (strcmp(flag, "--make-image") == 0 && argc >= 5) return make(argv[2], argv[3], argv[4], argc - 5, argv + 5);
  if (strcmp(flag, "--heap") == 0 && argc == 4) return dump_heap(argv[2], argv[3]);
  if (strcmp(flag, "--pages") == 0 && argc == 4) return answer(argv[2], argv[3]);
  if (strcmp(flag, "--check-image") == 0 && argc <= 3) return check(argc == 3 ? argv[2] : "/proc/self/exe");
  return -1;
}
