/* Load a filter from stdin and make calls under it: what does the kernel itself answer?
 *
 *   harness calls                        on stdin sections of 64-bit words: number of instructions, number of
 *                                        calls, the instructions, and for each call its number and six
 *                                        arguments. On stdout for each call a line: its errno (0 for success),
 *                                        or SIG and the number of the signal that ended the process
 *   harness loop NAME COUNT              nanoseconds of processor time for a call of a loop: getppid, read, openat, socket, mix;
 *                                        the filter (struct sock_filter[]) is stdin, empty stdin loads none
 *
 * A number with I386 set is called by int 0x80, the way of 32-bit programs.
 * The calls of a section are made by one process; where a call ends it, the next one goes on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sock_filter filter[4096];

static void load(size_t n)
{
    if (n == 0) return;
    struct sock_fprog program = {n, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
        perror("seccomp");
        _exit(2);
    }
}

/* Whole or, at the end of input, nothing. */
static size_t fill(void *to, size_t bytes)
{
    size_t n = fread(to, 1, bytes, stdin);
    if (n != 0 && n != bytes) {
        fprintf(stderr, "input ends in the middle\n");
        exit(2);
    }
    return n;
}

/* Above every number of a call. */
#define I386 (1UL << 62)

static long make(unsigned long nr, const unsigned long *a)
{
    if (!(nr & I386)) return syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
#ifdef __x86_64__
    long rc;
    __asm__ volatile("int $0x80" : "=a"(rc) : "a"(nr & ~I386), "b"(a[0]), "c"(a[1]), "d"(a[2]) : "memory", "r8", "r9", "r10", "r11");
    if (rc < 0 && rc > -4096) {
        errno = -rc;
        return -1;
    }
    return rc;
#else
    errno = ENOSYS;
    return -1;
#endif
}

#define CALLS 4096
struct call { unsigned long nr, args[6]; };
static struct call calls[CALLS];

/* What came of each call: -1 not made yet, -2 under way. Shared with the processes that make them. */
static volatile int *outcome;

static int section(void)
{
    unsigned long size[2];
    if (fill(size, sizeof size) == 0) return 0;
    if (size[0] > sizeof filter / sizeof *filter || size[1] > CALLS) exit(2);
    fill(filter, size[0] * sizeof *filter);
    fill(calls, size[1] * sizeof *calls);
    for (unsigned long i = 0; i < size[1]; i++) outcome[i] = -1;
    for (unsigned long first = 0; first < size[1];) {
        pid_t child = fork();
        if (child < 0) exit(2);
        if (child == 0) {
            alarm(5);
            load(size[0]);
            for (unsigned long i = first; i < size[1]; i++) {
                const unsigned long *a = calls[i].args;
                outcome[i] = -2;
                long rc = make(calls[i].nr, a);
                outcome[i] = rc == -1 ? errno : 0;
            }
            _exit(0);
        }
        int status;
        if (waitpid(child, &status, 0) != child || (WIFEXITED(status) && WEXITSTATUS(status) == 2)) exit(2);
        while (first < size[1] && outcome[first] >= 0) printf("%d\n", outcome[first++]);
        if (first < size[1] && WIFSIGNALED(status) && outcome[first] == -2) {
            printf("SIG%d\n", WTERMSIG(status));
            first++;
        } else if (first < size[1]) exit(2);
    }
    fflush(stdout);
    return 1;
}

static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static void one(const char *name, int zero)
{
    char byte;
    int fd;
    if (!strcmp(name, "getppid")) syscall(SYS_getppid);
    else if (!strcmp(name, "read")) syscall(SYS_read, zero, &byte, 1);
    else if (!strcmp(name, "openat")) {
        fd = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
        syscall(SYS_close, fd);
    } else if (!strcmp(name, "socket")) {
        fd = syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
        syscall(SYS_close, fd);
    } else if (!strcmp(name, "refused")) syscall(SYS_socket, 40, SOCK_STREAM, 0);
    else {
        one("read", zero);
        one("openat", zero);
        one("socket", zero);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "calls")) {
        outcome = mmap(NULL, CALLS * sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        while (section()) continue;
        return 0;
    }
    if (argc > 3 && !strcmp(argv[1], "loop")) {
        int zero = open("/dev/zero", O_RDONLY);
        long count = atol(argv[3]), best = -1;
        load(fread(filter, sizeof *filter, sizeof filter / sizeof *filter, stdin));
        for (int round = 0; round < 20; round++) {
            long start = now();
            for (long i = 0; i < count; i++) one(argv[2], zero);
            long took = now() - start;
            if (best < 0 || took < best) best = took;
        }
        printf("%.2f\n", (double)best / count);
        return 0;
    }
    return 2;
}
