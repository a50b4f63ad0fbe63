/*
 * How the kernel answers mkdir("/tmp/d") by x86_64's number, by x32's and by i386's (int 0x80): an errno each, 0 where
 * it was made, or -N where signal N ended who asked.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char path[] = "/tmp/d";

static int by_number(long number) { return syscall(number, path, 0700L) == 0 ? 0 : errno; }

static int by_i386(void) {
  long answer;
  __asm__ volatile("int $0x80" : "=a"(answer) : "a"(39L), "b"(path), "c"(0700L) : "memory", "r8", "r9", "r10", "r11");
  return (int)-answer;
}

int main(void) {
  for (int abi = 0; abi < 3; abi++) {
    int status;
    if (fork() == 0) _exit(abi == 2 ? by_i386() : by_number(SYS_mkdir | (abi == 1 ? 0x40000000 : 0)));
    wait(&status);
    printf("%d ", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
    rmdir(path);
  }
  return 0;
}
