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

enum { TRIES = 2000, NOBODY = 65534 };

/* What may not be unlinked is opened: a link of root's in a sticky directory, say. It leads to what the caller may remove. */
static bool follows_what_stays(void) {
  char words[WORDS] = "";
  if (geteuid() != 0) return false;
  if (mkdir("sticky", 0700) != 0 || chmod("sticky", 01777) != 0 || symlink("../theirs", "sticky/link") != 0 ||
      mkdir("theirs", 0700) != 0 || chmod(".", 0755) != 0)
    abort();
  close(open("theirs/kept", O_CREAT | O_WRONLY, 0600));
  if (chown("theirs", NOBODY, NOBODY) != 0) abort();
  pid_t pid = fork();
  if (pid == 0) _exit(setuid(NOBODY) != 0 || remove_tree(words, "sticky") == 0);
  int status = -1;
  if (waitpid(pid, &status, 0) != pid || status != 0) abort();
  return access("theirs/kept", F_OK) != 0;
}

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
  kept = kept && !follows_what_stays();
  words[0] = 0;
  int left = remove_tree(words, "tree");
  if (chdir("/") != 0 || remove_tree(words, base) != 0 || left != 0) abort();
  puts(kept ? "tree: ok" : "tree: a link was followed out of it");
  return !kept;
}
