/*
 * The environment, edited by hand: setenv(3) may drop or reorder what it finds odd, and what
 * nobody named is to reach the command byte for byte: entries without `=`, and duplicates.
 */
#include "args.h"
#include "kernel.h"
#include "plan.h"
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static bool names(const char *entry, const char *name, size_t length) {
  return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

static unsigned count_of(char **env) {
  unsigned n = 0;
  while (env && env[n]) n++;
  return n;
}

/* A new vector without the entries of that name; `entry`, if any, stands where the first was, or last. */
static int replace(const char *name, char *entry) {
  size_t length = strlen(name);
  if (length == 0 || strchr(name, '=')) return -EINVAL;
  unsigned count = count_of(environ), n = 0;
  char **env = malloc((count + 2) * sizeof *env);
  if (!env) return -ENOMEM;
  for (unsigned i = 0; i < count; i++) {
    if (!names(environ[i], name, length)) env[n++] = environ[i];
    else if (entry) env[n++] = entry, entry = NULL;
  }
  if (entry) env[n++] = entry;
  env[n] = NULL;
  environ = env; /* the old vector may be the one on the stack, and is small */
  return 0;
}

int op_setenv(struct run *run, const struct step *step) {
  const char *name = arg_text(run, step, 0), *value = arg_text(run, step, 1);
  char *entry = malloc(strlen(name) + strlen(value) + 2);
  if (!entry) return -ENOMEM;
  strcat(strcat(strcpy(entry, name), "="), value);
  return replace(name, entry);
}

int op_unsetenv(struct run *run, const struct step *step) { return replace(arg_text(run, step, 0), NULL); }

int op_environ(struct run *run, const struct step *step) {
  unsigned count;
  char **list = arg_list(run, step, 0, &count);
  char **env = malloc((count + 1) * sizeof *env);
  if (!env) return -ENOMEM;
  memcpy(env, list, count * sizeof *env);
  env[count] = NULL;
  environ = env;
  return 0;
}
