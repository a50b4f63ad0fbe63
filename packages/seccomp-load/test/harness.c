/* Load a filter from stdin and make calls under it: what does the kernel itself answer?
 *
 *   harness call NR A0 A1 A2 A3 A4 A5    one call; exit code 0 and its errno (0 for success) on stdout
 *   harness loop NAME COUNT              nanoseconds for a call of a loop: getppid, read, openat, socket, mix
 *
 * The filter is struct sock_filter[] on stdin; empty stdin loads none.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct sock_filter filter[4096];

static void load(void)
{
    size_t n = 0;
    ssize_t got;
    while ((got = read(0, (char *)filter + n, sizeof filter - n)) > 0) n += got;
    if (n == 0) return;
    struct sock_fprog program = {n / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) {
        perror("seccomp");
        exit(2);
    }
}

static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
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
    if (argc > 2 && !strcmp(argv[1], "call")) {
        long a[6] = {0};
        for (int i = 0; i < 6 && i + 3 < argc; i++) a[i] = strtoul(argv[i + 3], NULL, 0);
        load();
        errno = 0;
        long rc = syscall(strtoul(argv[2], NULL, 0), a[0], a[1], a[2], a[3], a[4], a[5]);
        printf("%d\n", rc < 0 ? errno : 0);
        return 0;
    }
    if (argc > 3 && !strcmp(argv[1], "loop")) {
        int zero = open("/dev/zero", O_RDONLY);
        long count = atol(argv[3]), best = -1;
        load();
        for (int round = 0; round < 5; round++) {
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
