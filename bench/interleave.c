/*
 * Runs commands in turn, round after round, and prints each run's wall time in
 * nanoseconds: "INDEX NANOSECONDS" a line. Interleaved, so that whatever else the
 * machine does meets all of them alike.
 *
 *     interleave WARMUP ROUNDS COMMAND [ARG...] [--- COMMAND [ARG...]]...
 *
 * A command that fails ends everything: a time of a failure is none.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long run(char **argv) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  pid_t pid;
  int status;
  long long start = now();
  int error = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
  if (error != 0) {
    fprintf(stderr, "interleave: %s: %s\n", argv[0], strerror(error));
    exit(1);
  }
  waitpid(pid, &status, 0);
  long long took = now() - start;
  posix_spawn_file_actions_destroy(&files);
  if (status != 0) {
    fprintf(stderr, "interleave: %s %s failed (wait status %d)\n", argv[0], argv[1] ? argv[1] : "", status);
    exit(1);
  }
  return took;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int warmup = atoi(argv[1]), rounds = atoi(argv[2]), count = 0;
  char ***commands = calloc((size_t)argc, sizeof *commands);
  if (commands == NULL) return 1;
  commands[count++] = argv + 3;
  for (int i = 3; i < argc; i++) {
    if (strcmp(argv[i], "---") != 0) continue;
    argv[i] = NULL;
    commands[count++] = argv + i + 1;
  }
  for (int round = -warmup; round < rounds; round++)
    for (int i = 0; i < count; i++) {
      long long took = run(commands[i]);
      if (round >= 0) printf("%d %lld\n", i, took);
    }
  return 0;
}
