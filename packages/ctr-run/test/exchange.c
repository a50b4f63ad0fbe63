/*
 * exchange A B: two names change places, as fast as the kernel does it (rename(2), RENAME_EXCHANGE), until this
 * process is killed. It says `ready` once it has begun. What it exchanges are names in a directory that a
 * container shares with others, while the container is made.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (unsigned long n = 0;; n++) {
    if (syscall(SYS_renameat2, AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) != 0) {
      perror("exchange");
      return 1;
    }
    if (n == 0 && write(1, "ready\n", 6) != 6) return 1;
  }
}
