/*
 * Fuzzes the reader of layers under AddressSanitizer: archives whose headers and records are
 * changed at random, with their checksums put right again so that they are believed, and gzip
 * streams changed at random. Each is read to its end; one in eight is applied as well, into
 * a directory beside which nothing may have changed afterwards.
 *
 *   fuzz_layer ROUNDS SEED CORPUS
 *
 * CORPUS holds one archive compressed in several ways, by zlib.
 */
#include "layer.h"
#include "tree.h"
#include "words.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { RECORD = 512, MOST = 1 << 16, STREAMS = 16 };

static uint64_t state;

static uint64_t next(void) { /* xorshift64* */
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545f4914f6cdd1dull;
}

struct bytes {
  unsigned char data[MOST];
  size_t length;
  size_t heads[64]; /* where headers lie */
  unsigned nheads;
};

static void check_sum(unsigned char *head) {
  unsigned sum = 0;
  memset(head + 148, ' ', 8);
  for (unsigned i = 0; i < RECORD; i++) sum += head[i];
  snprintf((char *)head + 148, 8, "%06o", sum);
}

static void entry(struct bytes *b, char type, const char *name, const char *link, const char *data) {
  unsigned char *head = b->data + b->length;
  size_t n = strlen(data);
  b->heads[b->nheads++] = b->length;
  memset(head, 0, RECORD);
  memcpy(head, name, strlen(name));
  memcpy(head + 100, type == '5' ? "0000755" : "0000644", 7);
  memcpy(head + 108, "0000000", 7);
  memcpy(head + 116, "0000000", 7);
  snprintf((char *)head + 124, 12, "%011o", (unsigned)n);
  memcpy(head + 136, "13700000000", 11);
  head[156] = (unsigned char)type;
  memcpy(head + 157, link, strlen(link));
  memcpy(head + 257, "ustar\00000", 8);
  check_sum(head);
  memset(head + RECORD, 0, (n + RECORD - 1) / RECORD * RECORD);
  memcpy(head + RECORD, data, n);
  b->length += RECORD + (n + RECORD - 1) / RECORD * RECORD;
}

/* `KEY=VALUE` as an extended header. */
static void record(struct bytes *b, const char *said) {
  char text[400];
  size_t body = strlen(said) + 2, length = body + 1;
  while ((size_t)snprintf(text, sizeof text, "%zu", length) + body != length) length++;
  snprintf(text, sizeof text, "%zu %s\n", length, said);
  entry(b, 'x', "PaxHeaders/x", "", text);
}

static void seed(struct bytes *b) {
  static const char *const said[] = {"path=d/a/b/c/long", "linkpath=../../../../etc/passwd", "size=7", "uid=3000000",
                                     "mtime=-1.25", "SCHILY.xattr.user.a=b", "SCHILY.acl.access=user::rwx,user:x:r-x:5,group::r--,other::---",
                                     "SCHILY.acl.default=u::rwx\ng::r-x\no::r-x", "GNU.sparse.map=0,1,4096,6",
                                     "GNU.sparse.realsize=99999"};
  b->length = b->nheads = 0;
  entry(b, '5', "./", "", "");
  entry(b, '5', "d/", "", "");
  entry(b, '0', "d/f", "", "content");
  entry(b, '1', "d/g", "d/f", "");
  entry(b, '2', "d/l", "../../../../../..", "");
  entry(b, '0', "d/l/through", "", "x");
  entry(b, '6', "d/p", "", "");
  entry(b, '0', "d/.wh.f", "", "");
  entry(b, '0', "d/.wh..wh..opq", "", "");
  entry(b, 'L', "././@LongLink", "", "d/a/very/long/name/of/the/kind/that/GNU/writes");
  entry(b, '0', "short", "", "y");
  for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
    if (next() % 3 == 0) continue;
    record(b, said[i]);
    if (next() % 2) entry(b, '0', "r", "", "content");
  }
  entry(b, '0', "last", "", "content");
  memset(b->data + b->length, 0, (size_t)2 * RECORD);
  b->length += (size_t)2 * RECORD;
}

static void mutate(struct bytes *b) {
  static const char *const words[] = {"..", "../..", "/", ".wh.", ".wh...", ".wh..wh..opq", "d", "d/", "d/l", "", "x", "-1",
                                      "99999999999999999999", "9223372036854775807", "12,", ":::", "\xff\xff\xff\xff\xff\xff\xff\xff",
                                      "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x80\0\0\0\0\0\0\x7f"};
  static const unsigned short fields[] = {0, 100, 108, 116, 124, 136, 156, 157, 257, 329, 337, 345, 386, 482, 483};
  for (unsigned n = 1 + next() % 5; n > 0; n--) {
    size_t head = b->heads[next() % b->nheads], at = next() % b->length;
    const char *word = words[next() % (sizeof words / sizeof *words)];
    switch (next() % 6) {
      case 0: b->data[at] = (unsigned char)next(); break;
      case 1: b->data[at] ^= (unsigned char)(1u << next() % 8); break;
      case 2: memcpy(b->data + head + fields[next() % (sizeof fields / sizeof *fields)], word, strlen(word) + 1); break;
      case 3: b->data[head + 156] = (unsigned char)"01234567xgLKSVD"[next() % 15]; break;
      case 4: memcpy(b->data + head, b->data + b->heads[next() % b->nheads], RECORD); break;
      default:
        if (head + RECORD + 40 < b->length) memcpy(b->data + head + RECORD + next() % 20, word, strlen(word));
        break;
    }
  }
  for (unsigned i = 0; i < b->nheads; i++)
    if (next() % 64) check_sum(b->data + b->heads[i]);
  if (next() % 16 == 0) b->length = next() % (b->length + 1);
}

static void mutate_stream(struct bytes *b) {
  for (unsigned n = next() % 6; n > 0; n--) b->data[next() % b->length] = (unsigned char)next();
  if (next() % 4 == 0) b->length = next() % (b->length + 1);
}

static void give(int fd, const struct bytes *b) {
  if (ftruncate(fd, 0) != 0 || pwrite(fd, b->data, b->length, 0) != (ssize_t)b->length) abort();
}

static struct stream *opened(int fd, const struct bytes *b) {
  struct stream_source source = {.fd = fd, .size = b->length, .digest = "", .diff = ""};
  struct stream *stream = stream_open(&source);
  if (!stream) abort();
  return stream;
}

/* Every entry and all data; true if all was well. */
static bool read_all(int fd, const struct bytes *b) {
  struct tar tar = {.stream = opened(fd, b)};
  struct entry one;
  int rc;
  long n = 0;
  while ((rc = tar_next(&tar, &one)) > 0) {
    const unsigned char *from;
    unsigned sum = 0;
    for (unsigned i = 0; i < one.nextents; i++)
      if (one.extents[i].offset + one.extents[i].length > one.size) abort();
    while ((n = tar_data(&tar, &one, &from)) > 0) sum += from[0] + from[n - 1];
    state += sum == 1;
    tar_free(&one);
    if (n < 0) break;
  }
  if ((rc < 0 || n < 0) && !tar.error[0]) abort();
  if (rc == 0) rc = stream_finish(tar.stream);
  stream_close(tar.stream);
  return rc == 0;
}

static void remove_all(const char *path) {
  char words[WORDS] = "";
  (void)remove_tree(words, path);
}

static void apply_all(int fd, const struct bytes *b, const char *top) {
  char root[200];
  struct tar tar = {.stream = opened(fd, b)};
  struct layer layer = {.mode = next() % 2 ? LAYER_PLAIN : LAYER_MARKED, .has_lower = next() % 2};
  snprintf(root, sizeof root, "%s/a/b/root", top);
  if (mkdir(root, 0755) != 0) abort();
  layer.root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int rc = layer_apply(&layer, &tar);
  if (rc == -1 && !layer.error[0]) abort();
  close(layer.root);
  stream_close(tar.stream);
  remove_all(root);
}

/* What stands above the root: a/b/root and nothing else, untouched. */
static void nothing_outside(const char *top) {
  static const char *const levels[] = {"", "/a", "/a/b"}, *const only[] = {"a", "b", NULL};
  for (unsigned i = 0; i < 3; i++) {
    char path[200];
    snprintf(path, sizeof path, "%s%s", top, levels[i]);
    DIR *entries = opendir(path);
    struct dirent *one;
    if (!entries) abort();
    while ((one = readdir(entries)))
      if (one->d_name[0] != '.' && (!only[i] || strcmp(one->d_name, only[i]) != 0)) {
        fprintf(stderr, "fuzz: %s/%s got out of the root\n", path, one->d_name);
        abort();
      }
    closedir(entries);
  }
}

static unsigned load(const char *directory, struct bytes *streams) {
  DIR *entries = opendir(directory);
  struct dirent *one;
  unsigned n = 0;
  while (entries && n < STREAMS && (one = readdir(entries))) {
    char path[500];
    if (one->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", directory, one->d_name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, streams[n].data, MOST);
    if (got <= 0) abort();
    close(fd);
    streams[n++].length = (size_t)got;
  }
  if (entries) closedir(entries);
  return n;
}

int main(int argc, char **argv) {
  unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 10000, taken = 0;
  state = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) | 1;
  static struct bytes streams[STREAMS], b;
  unsigned n = load(argc > 3 ? argv[3] : "fuzz/corpus", streams);
  int fd = memfd_create("fuzz", MFD_CLOEXEC);
  char top[] = "/tmp/ctr-fuzz-XXXXXX", path[64];
  if (n == 0 || fd < 0 || !mkdtemp(top)) abort();
  snprintf(path, sizeof path, "%s/a", top);
  if (mkdir(path, 0755) != 0) abort();
  snprintf(path, sizeof path, "%s/a/b", top);
  if (mkdir(path, 0755) != 0) abort();
  umask(0);
  for (unsigned i = 0; i < n; i++) {
    give(fd, streams + i);
    if (!read_all(fd, streams + i)) {
      fprintf(stderr, "fuzz: a stream of the corpus is not read\n");
      return 1;
    }
  }
  for (unsigned long i = 0; i < rounds; i++) {
    if (next() % 3) {
      seed(&b);
      mutate(&b);
    } else {
      b = streams[next() % n];
      mutate_stream(&b);
    }
    give(fd, &b);
    taken += read_all(fd, &b);
    /* Only root can give files owners, and take away what an archive closed to everybody else. */
    if (next() % 8 == 0 && geteuid() == 0) {
      apply_all(fd, &b, top);
      nothing_outside(top);
    }
  }
  remove_all(top);
  printf("fuzz: %lu layers, %lu taken whole, nothing outside\n", rounds, taken);
  return taken == 0 || taken == rounds;
}
