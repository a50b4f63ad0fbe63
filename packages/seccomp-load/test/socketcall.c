/* Make sockets as 32-bit programs may, by int 0x80, from a 64-bit program.
 *
 *   socketcall FAMILY,TYPE...    for each a line: what socketcall(SYS_SOCKET, {FAMILY, TYPE, 0}) and
 *                                socket(FAMILY, TYPE, 0) answer, 0 for a socket, else an errno
 *
 * Where the kernel takes no such calls it ends by SIGSEGV.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* Numbers of asm/unistd_32.h and linux/net.h. */
enum { I386_SOCKETCALL = 102, I386_SOCKET = 359, SYS_SOCKET = 1 };

static int i386(int nr, uint32_t a, uint32_t b, uint32_t c)
{
    int rc;
    __asm__ volatile("int $0x80" : "=a"(rc) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
    if (rc < 0) return -rc;
    close(rc);
    return 0;
}

int main(int argc, char **argv)
{
    /* A 32-bit pointer has to reach it. */
    uint32_t *args = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (args == MAP_FAILED) return 2;
    for (int i = 1; i < argc; i++) {
        if (sscanf(argv[i], "%u,%u", &args[0], &args[1]) != 2) return 2;
        args[2] = 0;
        int behind = i386(I386_SOCKETCALL, SYS_SOCKET, (uint32_t)(uintptr_t)args, 0);
        printf("%d %d\n", behind, i386(I386_SOCKET, args[0], args[1], 0));
    }
    return 0;
}
