/* How an operation reads its arguments, and gives what it found. */
#ifndef CTR_ARGS_H
#define CTR_ARGS_H

#include "run.h"

/* Arguments by position, of kinds that the decoder already checked against gen/ops.h. */
int64_t arg_int(const struct run *run, const struct step *step, unsigned n);
int arg_fd(const struct run *run, const struct step *step, unsigned n); /* -1: none */
/*
 * A user or group ID. To setresuid(2) and chown(2) 2^32-1 means "leave it as it is", and of a larger number
 * the kernel sees the low half, which may be root: -EINVAL for both. -1 leaves it where `may_stay`.
 */
int arg_id(const struct run *run, const struct step *step, unsigned n, bool may_stay, uid_t *id);
/* The same of a value that is at hand. */
int to_id(int64_t value, bool may_stay, uid_t *id);
/*
 * Text or blob with its slots filled in, NUL behind it. It lies in the plan or in the
 * run's arena and stays until the run ends; never NULL.
 */
const char *arg_text(struct run *run, const struct step *step, unsigned n);
const void *arg_blob(struct run *run, const struct step *step, unsigned n, size_t *length);
/* NULL-terminated vector of texts. */
char **arg_list(struct run *run, const struct step *step, unsigned n, unsigned *count);
int64_t *arg_ints(struct run *run, const struct step *step, unsigned n, unsigned *count);
/* Fill an `out` argument. set_fd closes nothing: the slot owns the descriptor from here on. */
void out_int(struct run *run, const struct step *step, unsigned n, int64_t value);
int out_text(struct run *run, const struct step *step, unsigned n, const char *text, size_t length);
/* Cells outside of steps: sentences, hints. */
const char *cell_text(struct run *run, uint32_t cell);
/* printf into run->detail. */
void detail(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
