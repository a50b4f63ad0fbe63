/*
 * Running the plugins of a network (CNI specification 1.1, sections 2 and 3): each gets its configuration on stdin, with
 * what the one before it printed as `prevResult`, and prints its result. Both are JSON; here they are text that is put
 * together, and of what a plugin says of its failure one member is looked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "guard.h"
#include "io.h"
#include "kernel.h"
#include "ops.h"
#include "plan.h"
#include "program.h"
#include "result_text.h"
#include "run.h"
#include "words.h"

enum { RESULT_MAX = 1 << 20, ENV_MAX = 64 };

struct list {
  char **files, **configs, **env;
  unsigned count;
  int64_t timeout;
  const char *path;   /* the file that keeps the last result */
  char *said;         /* RESULT_MAX and a NUL */
  char *result;       /* the last one, or empty */
};

/* {"name":…} and a result become {"name":…,"prevResult":…}. */
static char *with_result(const char *config, const char *result, size_t *size) {
  size_t length = strlen(config), more = strlen(result);
  char *text = malloc(length + more + sizeof ",\"prevResult\":}");
  if (!text) return NULL;
  memcpy(text, config, length + 1);
  char *end = strrchr(text, '}');
  if (end && more > 0) {
    end = stpcpy(end, ",\"prevResult\":");
    end = stpcpy(end, result);
    stpcpy(end, "}");
  }
  *size = strlen(text);
  return text;
}

/* What a plugin that failed says: {"code":7,"msg":"…","details":"…"} (section 5, "Error"). */
static void take_words(struct run *run, const struct program *program) {
  char words[400];
  if (json_text(program->said, "msg", words, sizeof words) && *words)
    detail(run, "%s: %s", program->file, words);
}

static int run_one(struct run *run, struct list *list, unsigned i, const char *command) {
  char *env[ENV_MAX + 2], variable[32] = "CNI_COMMAND=";
  unsigned n = 0;
  strcat(variable, command);
  env[n++] = variable;
  for (unsigned j = 0; list->env[j] && n <= ENV_MAX; j++) env[n++] = list->env[j];
  env[n] = NULL;
  char *argv[] = {list->files[i], NULL};
  struct program program = {.file = list->files[i],
                            .argv = argv,
                            .env = env,
                            .root = -1,
                            .cwd = "/",
                            .timeout = list->timeout,
                            .said = list->said,
                            .room = RESULT_MAX};
  char *input = with_result(list->configs[i], list->result, &program.size);
  if (!input) return -ENOMEM;
  program.input = input;
  int result = run_program(run, &program);
  free(input);
  list->said[program.length] = 0;
  if (result == -E_DETAIL) take_words(run, &program);
  return result;
}

/* So that whoever undoes it, later and without us, has what the plugins made. */
static int keep_result(const struct list *list) {
  long fd = AGAIN(open(list->path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (fd < 0) return (int)fd;
  int result = (int)write_all((int)fd, list->result, strlen(list->result));
  close((int)fd);
  return result;
}

/* Backwards, each although another failed; the first failure is what is told. */
static int del(struct run *run, struct list *list, unsigned count) {
  char words[WORDS];
  int first = 0;
  while (count > 0) {
    int result = run_one(run, list, --count, "DEL");
    if (result == 0 || first != 0) continue;
    first = result;
    memcpy(words, run->detail, sizeof words);
  }
  if (first != 0) memcpy(run->detail, words, sizeof words);
  return first;
}

/*
 * Plugins that make a chain of iptables(8) look first whether it is there, and fail where another has made it meanwhile. So one
 * list is added after the other; who waits as long as a plugin may take goes on all the same. A descriptor, or less than 0.
 */
static int take_turn(const struct list *list, const char *path) {
  int fd = (int)AGAIN(open(path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  uint64_t until = now_ns() + (uint64_t)list->timeout * 1000000u;
  while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && !guard_caught() && now_ns() < until)
    nanosleep(&(struct timespec){0, 2000000}, NULL);
  return fd;
}

static int add(struct run *run, struct list *list) {
  for (unsigned i = 0; i < list->count; i++) {
    int result = run_one(run, list, i, "ADD");
    if (result == 0 && *list->said) {
      strcpy(list->result, list->said);
      result = keep_result(list);
    }
    if (result == 0) continue;
    /* The one that failed too: it may have been ended in the midst of it. */
    char words[WORDS];
    memcpy(words, run->detail, sizeof words);
    (void)del(run, list, i + 1);
    memcpy(run->detail, words, sizeof words);
    return result;
  }
  return 0;
}

static void read_result(struct list *list) {
  long fd = AGAIN(open(list->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  size_t length = 0;
  if (fd < 0) return;
  for (;;) {
    long n = length < RESULT_MAX ? AGAIN(read((int)fd, list->result + length, RESULT_MAX - length)) : 0;
    if (n <= 0) break;
    length += (size_t)n;
  }
  close((int)fd);
  list->result[length] = 0;
}

int op_cni(struct run *run, const struct step *step) {
  const char *command = arg_text(run, step, 0);
  struct list list = {.files = arg_list(run, step, 1, &list.count), .timeout = arg_int(run, step, 4)};
  unsigned configs, variables;
  list.configs = arg_list(run, step, 2, &configs);
  list.env = arg_list(run, step, 3, &variables);
  list.path = arg_text(run, step, 5);
  if (configs != list.count || variables > ENV_MAX || strlen(command) > 10) return -EINVAL;
  list.said = calloc(1, RESULT_MAX + 1);
  list.result = calloc(1, RESULT_MAX + 1);
  int result = -ENOMEM;
  if (list.said && list.result) {
    if (strcmp(command, "ADD") == 0) {
      int turn = take_turn(&list, arg_text(run, step, 6));
      result = add(run, &list);
      if (turn >= 0) close(turn);
    } else if (strcmp(command, "DEL") == 0) {
      read_result(&list);
      result = del(run, &list, list.count);
    } else {
      result = 0;
      for (unsigned i = 0; i < list.count && result == 0; i++) result = run_one(run, &list, i, command);
    }
  }
  free(list.said);
  free(list.result);
  return result;
}
