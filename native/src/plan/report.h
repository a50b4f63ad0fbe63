/* A failure in words. */
#ifndef CTR_REPORT_H
#define CTR_REPORT_H

#include "run.h"

struct message; /* channel.h */

#define MAX_SENTENCE 8192

struct failure {
  uint32_t step;
  int32_t error;     /* errno, or E_DETAIL */
  int32_t exit_code; /* of the launcher */
  int32_t signal;    /* end by this signal, without a word; 0: none */
  int32_t killed;    /* a process was killed by SIGKILL before its command ran */
  char sentence[MAX_SENTENCE];
};

/* The words for step `at`, which failed with `error`, with the slots as they are now. */
struct failure *failure_of(struct run *run, uint32_t at, int error);
/* Say it, as process 0 or as one that was let go: stderr, log file, the plan where asked. */
void report_failure(struct run *run, const struct failure *failure);
/* The words of such a failure go to this descriptor too. */
void report_also_to(int fd);
/* Something that went wrong while taking down; nobody's exit code changes. */
void report_warning(struct run *run, const char *sentence);
/*
 * That step `at` was carried out, for a log with --debug: what it was, when it began (now_ns()), how long it took,
 * and the failure that was passed over, if any. Process 0 writes it, with the time at which it ended; the others send it
 * there.
 */
void report_step(struct run *run, uint32_t at, uint64_t began, uint64_t took_ns, int passed);
/* What another process said so. */
void report_step_of(struct run *run, const struct message *message);
/* To the log alone, if there is one. */
void log_warning(struct run *run, const char *sentence);

/* A message of the launcher's own, before there is a plan: `TOOL: MESSAGE`. Ends with `code`. */
_Noreturn void die(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern const char *tool_name;
/* Errors and warnings go to this file too. Ends where it cannot be opened. */
void open_log(struct run *run, const char *path, enum log_format format);

#endif
