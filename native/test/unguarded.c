/*
 * Guards that can be taken out, one at a time, for controls: an attack that fails is worth something
 * where the same attack succeeds without the guard that stops it. The linker puts these functions in
 * the places of the launcher's own (ld(1), --wrap); nothing of this is in what is installed.
 *
 * CTR_UNGUARDED names what is taken out, with commas between:
 *   descriptors  nothing is closed before a command's path is looked up
 *   directory    the working directory is not checked to lie inside the root
 *   dumpable     the launcher can be looked into by whoever has its IDs (CVE-2016-9962)
 *   sealing      the launcher runs from its file, and not from a copy
 *   writing      the copy is not sealed against writing
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "run.h"
#include "start.h"

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#define F_SEAL_WRITE 8
#endif

static char taken_out[80];

/* Before main: later the environment is the command's. */
__attribute__((constructor)) static void begin(void) {
  const char *words = getenv("CTR_UNGUARDED");
  if (words && strlen(words) < sizeof taken_out) strcpy(taken_out, words);
}

static bool without(const char *guard) {
  size_t length = strlen(guard);
  for (const char *at = taken_out; (at = strstr(at, guard)); at += length)
    if ((at == taken_out || at[-1] == ',') && (at[length] == ',' || at[length] == 0)) return true;
  return false;
}

void __real_close_others(struct run *run, const int64_t *keep, unsigned count, bool directories);
void __wrap_close_others(struct run *run, const int64_t *keep, unsigned count, bool directories);
void __wrap_close_others(struct run *run, const int64_t *keep, unsigned count, bool directories) {
  if (!without("descriptors")) __real_close_others(run, keep, count, directories);
}

void __real_close_from(int first);
void __wrap_close_from(int first);
void __wrap_close_from(int first) {
  if (!without("descriptors")) __real_close_from(first);
}

int __real_directory_inside(void);
int __wrap_directory_inside(void);
int __wrap_directory_inside(void) { return without("directory") ? 0 : __real_directory_inside(); }

int __real_prctl(int option, ...);
int __wrap_prctl(int option, ...);
int __wrap_prctl(int option, ...) {
  unsigned long given[4];
  va_list list;
  va_start(list, option);
  for (unsigned i = 0; i < 4; i++) given[i] = va_arg(list, unsigned long);
  va_end(list);
  if (option == PR_SET_DUMPABLE && without("dumpable")) given[0] = 1;
  return __real_prctl(option, given[0], given[1], given[2], given[3]);
}

void __real_seal(const struct start *start, char **argv);
void __wrap_seal(const struct start *start, char **argv);
void __wrap_seal(const struct start *start, char **argv) {
  if (!without("sealing")) __real_seal(start, argv);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  long given = va_arg(list, long);
  va_end(list);
  bool writing = without("writing");
  if (command == F_ADD_SEALS && writing) given &= ~F_SEAL_WRITE;
  int result = __real_fcntl(fd, command, given);
  return command == F_GET_SEALS && result >= 0 && writing ? result | F_SEAL_WRITE : result;
}
