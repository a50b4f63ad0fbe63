/*
 * The launcher's whole file, made by the launcher: its own program, the planner's heap and the core.
 *
 *   --make-image BUNDLE CORE OUT   two processes prepare a heap each; where both come to the same, it is the image
 *   --heap BUNDLE FILE             one of these
 *   --check-image [FILE]           whether a file is whole and as it was made
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

/* A heap that a new process of this program prepares. */
static int heap_of(const char *bundle, const char *out, unsigned n, struct dump *dump) {
  char path[4096];
  snprintf(path, sizeof path, "%s.heap%u", out, n);
  unlink(path);
  pid_t pid = fork();
  if (pid < 0) return fail("fork: %s", strerror(errno));
  if (pid == 0) {
    execl("/proc/self/exe", "ctr-launcher", "--heap", bundle, path, (char *)NULL);
    _exit(fail("start another process of this program: %s", strerror(errno)));
  }
  int status, code = 125;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) code = load(path, &dump->heap);
  else if (!WIFEXITED(status)) fail("the process that evaluates %s ended by signal %d", bundle, WTERMSIG(status));
  unlink(path);
  if (code) return code;
  dump->heap.length -= sizeof dump->low;
  memcpy(&dump->low, dump->heap.at + dump->heap.length, sizeof dump->low);
  return 0;
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

static int make(const char *bundle, const char *core, const char *out) {
  struct bytes parts[3];
  struct dump first, second;
  int code;
  if ((code = load_program(&parts[0])) || (code = load(core, &parts[2])) || (code = heap_of(bundle, out, 1, &first)) ||
      (code = heap_of(bundle, out, 2, &second)) || (code = same_heaps(&first.heap, &second.heap)))
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
  t.image_sum = trailer_sum(parts[1].at, parts[1].length);
  t.core_sum = trailer_sum(parts[2].at, (parts[2].length + 63) / 64 * 64);
  t.sum = trailer_sum(&t, offsetof(struct trailer, sum));
  return write_whole(out, parts, &t);
}

/* --- --check-image */

static int check(const char *path) {
  struct trailer t;
  struct bytes file;
  const char *why;
  bool own = strcmp(path, "/proc/self/exe") == 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC), code = load(path, &file);
  if (fd < 0 || code) return 125;
  if (trailer_read(fd, own ? trailer_own_build() : NULL, &t, &why) < 0) return fail("%s cannot be used: %s", path, why);
  if (trailer_sum(file.at + t.image_at, t.image_bytes) != t.image_sum) return fail("the planner's image in %s was changed", path);
  if (trailer_sum(file.at + t.core_at, (t.core_bytes + 63) / 64 * 64) != t.core_sum) return fail("the core in %s was changed", path);
  printf("program %llu bytes, image %llu, core %llu\n", (unsigned long long)t.program_bytes,
         (unsigned long long)t.image_bytes, (unsigned long long)t.core_bytes);
  return 0;
}

int engine_command(int argc, char **argv) {
  const char *flag = argc > 1 ? argv[1] : "";
  if (strcmp(flag, "--make-image") == 0 && argc == 5) return make(argv[2], argv[3], argv[4]);
  if (strcmp(flag, "--heap") == 0 && argc == 4) return dump_heap(argv[2], argv[3]);
  if (strcmp(flag, "--check-image") == 0 && argc <= 3) return check(argc == 3 ? argv[2] : "/proc/self/exe");
  return -1;
}
