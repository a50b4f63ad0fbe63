/*
 * The bytes of a layer's archive. A thread reads the blob, digests it and decompresses it into a
 * ring of blocks; whoever applies the layer takes them from there, digesting what was
 * decompressed: so both processors of a small machine have something to do.
 */
#include "stream.h"

#include "codec.h"
#include "digest.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 20, BLOCKS = 6, INPUT = 1 << 18 };

struct stream {
  struct stream_source source;
  struct digest blob, diff;
  uint64_t read; /* of the blob */
  unsigned char *input;
  unsigned char *memory[BLOCKS]; /* each with a window before it */
  size_t length[BLOCKS];
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  unsigned filled, taken; /* counted on and on; filled - taken lie in the ring */
  bool over, stopped, joined;
  size_t at;      /* in the block that is being taken */
  bool finished;
  char error[512]; /* the thread's, until it is over; then the stream's */
};

static void complain(struct stream *s, const char *words) {
  if (!s->error[0]) snprintf(s->error, sizeof s->error, "%s", words);
}

static long read_more(void *data, const unsigned char **from) {
  struct stream *s = data;
  uint64_t left = s->source.size - s->read;
  if (left == 0) return 0;
  size_t most = left < INPUT ? left : INPUT;
  long n = s->source.piped ? AGAIN(read(s->source.fd, s->input, most))
                           : AGAIN(pread(s->source.fd, s->input, most, (off_t)(s->source.offset + s->read)));
  if (n < 0) {
    char words[128];
    snprintf(words, sizeof words, "the archive cannot be read: %s", strerror((int)-n));
    complain(s, words);
    return -1;
  }
  if (n == 0) {
    complain(s, "the archive is shorter than its descriptor says");
    return -1;
  }
  s->read += (uint64_t)n;
  digest_add(&s->blob, s->input, (size_t)n);
  if (s->source.progress) *s->source.progress = s->read;
  *from = s->input;
  return n;
}

static unsigned char *body(struct stream *s, unsigned n) { return s->memory[n % BLOCKS] + INFLATE_WINDOW; }

/* Hand a block over and get the next. */
static unsigned char *put(void *data, unsigned char *block, size_t length) {
  struct stream *s = data;
  pthread_mutex_lock(&s->mutex);
  s->length[s->filled % BLOCKS] = length;
  unsigned next = s->filled + 1;
  s->filled = next;
  pthread_cond_broadcast(&s->changed);
  while (next - s->taken >= BLOCKS && !s->stopped) pthread_cond_wait(&s->changed, &s->mutex);
  bool stopped = s->stopped;
  pthread_mutex_unlock(&s->mutex);
  if (stopped) return NULL;
  /* Even a short block has all of the window before its end, its own or what came before it. */
  memcpy(s->memory[next % BLOCKS], block + length - INFLATE_WINDOW, INFLATE_WINDOW);
  return body(s, next);
}

static void copy_plain(struct stream *s, const unsigned char *from, long n) {
  unsigned char *block = body(s, s->filled);
  while (n > 0) {
    for (size_t at = 0; at < (size_t)n;) {
      size_t part = (size_t)n - at < BLOCK ? (size_t)n - at : BLOCK;
      memcpy(block, from + at, part);
      at += part;
      block = put(s, block, part);
      if (!block) return;
    }
    n = read_more(s, &from);
  }
}

/* What was read to find out what it is comes again to the decompressor. */
struct first {
  struct stream *stream;
  const unsigned char *from;
  long n;
};

static long again(void *data, const unsigned char **from) {
  struct first *first = data;
  if (first->n == 0) return read_more(first->stream, from);
  long n = first->n;
  *from = first->from;
  first->n = 0;
  return n;
}

static unsigned char *put_first(void *data, unsigned char *block, size_t length) {
  return put(((struct first *)data)->stream, block, length);
}

/*
 * How an archive is compressed, by its first bytes: no archive begins so. What a descriptor says of it is not
 * asked, for some are wrong.
 */
struct format {
  const char *name;
  unsigned length;
  unsigned char magic[6], mask; /* of the first byte: the bits that count */
  const char *(*decompress)(const struct codec_io *io, unsigned char *block); /* NULL: no layer is compressed so */
};
static const struct format formats[] = {
    {"gzip", 2, {0x1f, 0x8b}, 0xff, inflate_gzip},                                  /* RFC 1952, 2.3.1 */
    {"zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}, 0xff, decompress_zstd},                   /* RFC 8878, 3.1.1 */
    {"zstd", 4, {0x50, 0x2a, 0x4d, 0x18}, 0xf0, decompress_zstd},                   /* 3.1.2, a skippable frame */
    {"bzip2", 3, {'B', 'Z', 'h'}, 0xff, NULL},
    {"xz", 6, {0xfd, '7', 'z', 'X', 'Z', 0}, 0xff, NULL},                           /* xz-file-format, 2.1.1.1 */
    {"lz4", 4, {0x04, 0x22, 0x4d, 0x18}, 0xff, NULL},
    {"lzip", 4, {'L', 'Z', 'I', 'P'}, 0xff, NULL},
};

/* NULL: it is not compressed. */
static const struct format *format_of(const unsigned char *first, long n) {
  for (unsigned i = 0; i < sizeof formats / sizeof *formats; i++) {
    const struct format *f = formats + i;
    if (n >= (long)f->length && (first[0] & f->mask) == f->magic[0] && memcmp(first + 1, f->magic + 1, f->length - 1) == 0)
      return f;
  }
  return NULL;
}

static void decompress(struct stream *s, const struct format *format, struct first *first) {
  const struct codec_io io = {.data = first, .more = again, .put = put_first, .room = BLOCK};
  char words[200];
  if (!format->decompress)
    snprintf(words, sizeof words, "it is compressed by %s; a layer is a plain archive, or compressed by gzip or zstd", format->name);
  else {
    const char *why = format->decompress(&io, body(s, s->filled));
    if (!why) return;
    snprintf(words, sizeof words, "%s", why);
  }
  pthread_mutex_lock(&s->mutex);
  if (!s->stopped) complain(s, words);
  pthread_mutex_unlock(&s->mutex);
}

static void *produce(void *data) {
  struct stream *s = data;
  struct first first = {.stream = s};
  first.n = read_more(s, &first.from);
  const struct format *format = format_of(first.from, first.n);
  if (first.n > 0 && format) decompress(s, format, &first);
  else if (first.n > 0) copy_plain(s, first.from, first.n);
  pthread_mutex_lock(&s->mutex);
  s->over = true;
  pthread_cond_broadcast(&s->changed);
  pthread_mutex_unlock(&s->mutex);
  return NULL;
}

struct stream *stream_open(const struct stream_source *source) {
  struct stream *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->source = *source;
  const char *unknown = !digest_begin(&s->blob, source->digest) ? source->digest
                        : !digest_begin(&s->diff, source->diff)  ? source->diff
                                                                 : NULL;
  if (unknown) {
    char words[512];
    snprintf(words, sizeof words, "%.200s is not a digest by sha256 or sha512", unknown);
    complain(s, words);
  }
  s->input = malloc(INPUT);
  bool memory = s->input != NULL;
  for (unsigned i = 0; i < BLOCKS; i++) memory = (s->memory[i] = malloc(INFLATE_WINDOW + BLOCK + INFLATE_SLACK)) && memory;
  pthread_mutex_init(&s->mutex, NULL);
  pthread_cond_init(&s->changed, NULL);
  if (!source->piped) posix_fadvise(source->fd, (off_t)source->offset, (off_t)source->size, POSIX_FADV_SEQUENTIAL);
  if (!memory) return NULL;
  if (unknown) {
    s->over = s->joined = true;
    return s;
  }
  if (pthread_create(&s->thread, NULL, produce, s) != 0) return NULL;
  return s;
}

/* Wait for a block; 1, or 0 at the end. Gives the one before back. */
static int next_block(struct stream *s) {
  pthread_mutex_lock(&s->mutex);
  if (s->at > 0) {
    s->taken++;
    s->at = 0;
    pthread_cond_broadcast(&s->changed);
  }
  while (s->filled == s->taken && !s->over) pthread_cond_wait(&s->changed, &s->mutex);
  bool has = s->filled != s->taken;
  pthread_mutex_unlock(&s->mutex);
  if (has) digest_add(&s->diff, body(s, s->taken), s->length[s->taken % BLOCKS]);
  return has;
}

long stream_next(struct stream *s, const unsigned char **from, size_t most) {
  while (s->at == 0 || s->at == s->length[s->taken % BLOCKS]) {
    if (s->finished || !next_block(s)) {
      s->finished = true;
      return s->error[0] ? -1 : 0;
    }
    if (s->length[s->taken % BLOCKS] > 0) break;
    s->at = 0;
    pthread_mutex_lock(&s->mutex);
    s->taken++; /* an empty one */
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
  }
  size_t n = s->length[s->taken % BLOCKS] - s->at;
  if (n > most) n = most;
  *from = body(s, s->taken) + s->at;
  s->at += n;
  return (long)n;
}

const char *stream_error(struct stream *s) { return s->error[0] ? s->error : "it ends too early"; }

static int verify(struct stream *s, struct digest *digest, const char *what) {
  char found[160], words[512];
  if (digest_fits(digest, found)) return 0;
  snprintf(words, sizeof words, "its content is not what its digest says: %s is %s", what, found);
  complain(s, words);
  return -1;
}

static void join(struct stream *s) {
  if (!s->joined) pthread_join(s->thread, NULL);
  s->joined = true;
}

static void stop(struct stream *s) {
  pthread_mutex_lock(&s->mutex);
  s->stopped = true;
  pthread_cond_broadcast(&s->changed);
  pthread_mutex_unlock(&s->mutex);
  join(s);
}

void stream_close(struct stream *s) {
  stop(s);
  for (unsigned i = 0; i < BLOCKS; i++) free(s->memory[i]);
  free(s->input);
  free(s);
}

/* Bytes behind the compressed stream's end, or behind where it could not be understood, belong to the blob too. */
static int rest_of_blob(struct stream *s) {
  const unsigned char *from;
  long n = 1;
  while (n > 0 && s->read < s->source.size) n = read_more(s, &from);
  return n < 0 ? -1 : verify(s, &s->blob, "the blob");
}

bool stream_blame(struct stream *s) {
  stop(s);
  char before[sizeof s->error];
  memcpy(before, s->error, sizeof before);
  s->error[0] = 0;
  /* What it is not the content's fault of is said as it was. */
  if (rest_of_blob(s) != 0) return true;
  memcpy(s->error, before, sizeof before);
  return false;
}

int stream_finish(struct stream *s) {
  const unsigned char *from;
  long n;
  while ((n = stream_next(s, &from, SIZE_MAX)) > 0) continue;
  if (n < 0) {
    (void)stream_blame(s);
    return -1;
  }
  join(s);
  if (rest_of_blob(s) != 0) return -1;
  return verify(s, &s->diff, "the archive in it");
}
