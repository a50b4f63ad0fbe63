/*
 * Runs commands in turn, round after round, and prints a line for each: its index, wall time in
 * nanoseconds, CPU time of it and of all it waited for in microseconds, the largest of their
 * peak memories in KiB (getrusage(2)). Interleaved, so that whatever else the machine does meets all
 * of them alike.
 *
 *     interleave WARMUP ROUNDS COMMAND [ARG...] [--- COMMAND [ARG...]]...
 *
 * In each word `@@` stands for a text that is new in each round, and the variable BENCH_ROUND changes with it.
 * A command that fails ends everything: a time of a failure says nothing. A command whose first
 * word is <FILE gets that file on its standard input once it has settled, and is timed from there. One whose
 * first word is + is carried out and not told of.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what) {
  fprintf(stderr, "interleave: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* What a command is handed when it is ready for it. */
static char handed[1 << 20];

static ssize_t read_whole(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, handed, sizeof handed);
  if (length < 0 || length == (ssize_t)sizeof handed) die(path);
  close(fd);
  return length;
}

/* Until it sleeps, which is to say that it waits for what we have (proc_pid_stat(5), field 3). */
static void settle(pid_t pid) {
  char path[40], text[128];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  for (const char *end = NULL; !end || end[2] != 'S';) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n < 0) die(path);
    text[n] = 0;
    close(fd);
    end = strrchr(text, ')');
  }
}

struct cost {
  long long wall_ns, cpu_us, peak_kib;
};

static long long microseconds(struct timeval t) { return t.tv_sec * 1000000LL + t.tv_usec; }

static struct cost run(char **argv) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  int ends[2] = {-1, -1};
  ssize_t length = 0;
  if (argv[0][0] == '<') {
    length = read_whole(*argv++ + 1);
    if (pipe2(ends, O_CLOEXEC) < 0 || fcntl(ends[1], F_SETPIPE_SZ, (int)sizeof handed) < 0) die("a pipe");
    posix_spawn_file_actions_adddup2(&files, ends[0], 0);
  } else {
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  }
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  pid_t pid;
  int status;
  struct rusage used;
  long long start = now();
  errno = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
  if (errno != 0) die(argv[0]);
  if (ends[1] >= 0) {
    close(ends[0]);
    settle(pid);
    start = now();
    if (write(ends[1], handed, (size_t)length) != length) die("write to the command");
    close(ends[1]);
  }
  while (wait4(pid, &status, 0, &used) < 0 && errno == EINTR) {
  }
  long long took = now() - start;
  posix_spawn_file_actions_destroy(&files);
  if (status != 0) {
    fprintf(stderr, "interleave: %s %s failed (wait status %d)\n", argv[0], argv[1] ? argv[1] : "", status);
    exit(1);
  }
  return (struct cost){took, microseconds(used.ru_utime) + microseconds(used.ru_stime), used.ru_maxrss};
}

/* The words with `@@` replaced, all of which last as long as this process. */
static char **in_round(char **argv, const char *round) {
  size_t n = 0;
  while (argv[n]) n++;
  char **words = calloc(n + 1, sizeof *words);
  for (size_t i = 0; words && i < n; i++) {
    char *at = strstr(argv[i], "@@");
    if (at == NULL)
      words[i] = argv[i];
    else if (asprintf(&words[i], "%.*s%s%s", (int)(at - argv[i]), argv[i], round, at + 2) < 0)
      die("a word");
  }
  if (words == NULL) die("words");
  return words;
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
  for (int round = -warmup; round < rounds; round++) {
    char text[40];
    snprintf(text, sizeof text, "%d-%d", (int)getpid(), round + warmup);
    setenv("BENCH_ROUND", text, 1);
    for (int i = 0; i < count; i++) {
      bool untold = strcmp(commands[i][0], "+") == 0;
      struct cost cost = run(in_round(commands[i] + untold, text));
      if (round >= 0 && !untold) printf("%d %lld %lld %lld\n", i, cost.wall_ns, cost.cpu_us, cost.peak_kib);
    }
  }
  return 0;
}
