/* Compile a profile with libseccomp and write its BPF to stdout: the peer for the tests.
 *
 * stdin, a line each:  default ACTION | arch TOKEN | optimize N
 *                      rule ACTION NAME [INDEX OP VALUE VALUE2]...
 * ACTION and TOKEN are numbers of seccomp.h, OP is a number of enum scmp_compare.
 * Names that libseccomp does not know are written to stderr and passed over, as runc does.
 */
#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static scmp_filter_ctx ctx;

static void check(int rc, const char *what)
{
    if (rc < 0 && rc != -EEXIST) {
        fprintf(stderr, "%s: %s\n", what, strerror(-rc));
        exit(1);
    }
}

static void rule(char *rest)
{
    char *save;
    uint32_t action = strtoul(strtok_r(rest, " \n", &save), NULL, 0);
    char *name = strtok_r(NULL, " \n", &save), *word;
    struct scmp_arg_cmp args[6];
    unsigned count = 0;
    int nr = seccomp_syscall_resolve_name(name);
    if (nr == __NR_SCMP_ERROR) {
        fprintf(stderr, "unknown %s\n", name);
        return;
    }
    while (count < 6 && (word = strtok_r(NULL, " \n", &save))) {
        args[count].arg = strtoul(word, NULL, 0);
        args[count].op = strtoul(strtok_r(NULL, " \n", &save), NULL, 0);
        args[count].datum_a = strtoull(strtok_r(NULL, " \n", &save), NULL, 0);
        args[count++].datum_b = strtoull(strtok_r(NULL, " \n", &save), NULL, 0);
    }
    check(seccomp_rule_add_array(ctx, action, nr, count, args), name);
}

int main(void)
{
    char line[65536];
    while (fgets(line, sizeof line, stdin)) {
        if (!strncmp(line, "default ", 8)) {
            ctx = seccomp_init(strtoul(line + 8, NULL, 0));
            if (!ctx) return 1;
        } else if (!strncmp(line, "arch ", 5))
            check(seccomp_arch_add(ctx, strtoul(line + 5, NULL, 0)), "arch");
        else if (!strncmp(line, "optimize ", 9))
            check(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, strtoul(line + 9, NULL, 0)), "optimize");
        else if (!strncmp(line, "rule ", 5))
            rule(line + 5);
    }
    check(seccomp_export_bpf(ctx, 1), "export");
    return 0;
}
