/* A request as packages/ufs-mount/src/layers-request.ts makes it, and the answer to it. */
#ifndef CTR_REQUEST_H
#define CTR_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "gen/requests.h"
#include "layers_reply.h"
#include "words.h"

enum { REQUEST_ARGS = 16 };

struct request_arg {
  int64_t number; /* i: the value; l, n: how many */
  char *text;
  char **list; /* NULL-terminated */
  int64_t *ints;
};

struct request;
/* 0, or a negative errno or -E_DETAIL with words. The answer goes into `text` or `fd`. */
typedef int request_fn(struct request *r);

struct request {
  request_fn *fn;
  struct request_arg args[REQUEST_ARGS];
  int fd;            /* to be given with the answer, or -1 */
  char words[WORDS]; /* of a failure */
  char text[LAYERS_TEXT];
};

#define DECLARE(name, args) request_fn request_##name;
REQUESTS(DECLARE)
#undef DECLARE

/* Understand `n` bytes, which have a NUL behind them and are taken apart. 0, or -EPROTO with words. */
int request_read(struct request *r, char *bytes, size_t n);

#endif
