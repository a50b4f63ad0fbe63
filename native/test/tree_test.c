/* Removing a tree in which somebody exchanges names meanwhile: nothing outside of it goes. */
#include "kernel.h"
#include "tree.h"
#include "words.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

enum { TRIES = 2000 };

int main(void) {
  /* In memory, where it is quick. */
  char base[] = "/dev/shm/ctr-test-tree-XXXXXX", words[WORDS];
  if (!mkdtemp(base) || chdir(base) != 0 || mkdir("outside", 0700) != 0) abort();
  close(open("outside/kept", O_CREAT | O_WRONLY, 0600));
  pid_t pid = fork();
  if (pid == 0)
    for (;;) syscall(SYS_renameat2, AT_FDCWD, "tree/directory", AT_FDCWD, "tree/link", RENAME_EXCHANGE);
  bool kept = true;
  for (int i = 0; i < TRIES && kept; i++) {
    words[0] = 0;
    (void)mkdir("tree", 0700);
    (void)mkdir("tree/directory", 0700);
    (void)symlink("../outside", "tree/link");
    (void)remove_tree(words, "tree"); /* which may fail: what it found was another thing then */
    kept = access("outside/kept", F_OK) == 0;
  }
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  words[0] = 0;
  int left = remove_tree(words, "tree");
  if (chdir("/") != 0 || remove_tree(words, base) != 0 || left != 0) abort();
  puts(kept ? "tree: ok" : "tree: a link was followed out of it");
  return !kept;
}
