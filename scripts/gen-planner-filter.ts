/**
 * Writes `native/src/gen/planner_filter.h`: the system call filter of the planner's process,
 * compiled by our own compiler. The planner may look at the machine and write to what it was
 * given open (0, 1, 2, the launcher's socket, a socket that the launcher connected); no call
 * is left by which it could change anything. `--check` only compares, and fails if they differ.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LinuxSeccomp } from '../packages/oci/src/index.ts';
import { compile } from '../packages/seccomp-load/src/compiler.ts';
import { normalize } from '../packages/seccomp-load/src/profile/normalize.ts';

/** open(2): everything that writes, makes or truncates a file. O_TMPFILE without its O_DIRECTORY bit. */
const WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000 | 0o20000000;
const PROT_EXEC = 4;
const zero = (index: number, mask: number) => ({
  index,
  value: mask,
  valueTwo: 0,
  op: 'SCMP_CMP_MASKED_EQ' as const,
});
const equal = (index: number, value: number) => ({ index, value, op: 'SCMP_CMP_EQ' as const });

const allow = (names: string[], args?: object[]) =>
  ({ names, action: 'SCMP_ACT_ALLOW', ...(args && { args }) }) as NonNullable<
    LinuxSeccomp['syscalls']
  >[number];

/** What is refused answers EPERM, so that a mistake of ours becomes a sentence. */
const profile: LinuxSeccomp = {
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [
    allow(['open'], [zero(1, WRITING)]),
    allow(['openat'], [zero(2, WRITING)]),
    allow([
      'close',
      'read',
      'pread64',
      'readv',
      'lseek',
      'getdents64',
      'readlink',
      'readlinkat',
      'getcwd',
      'getxattr',
    ]),
    allow(['stat', 'lstat', 'fstat', 'newfstatat', 'statx', 'statfs', 'fstatfs']),
    allow(['access', 'faccessat', 'faccessat2']),
    allow(['write', 'writev', 'sendto', 'recvfrom', 'recvmsg', 'poll', 'ppoll']),
    allow(['getpid', 'getppid', 'gettid', 'getuid', 'geteuid', 'getgid', 'getegid', 'getgroups']),
    allow(['clock_gettime', 'clock_getres', 'clock_nanosleep', 'gettimeofday', 'nanosleep', 'getrandom']),
    allow(['brk', 'munmap', 'mremap', 'madvise']),
    allow(['mmap', 'mprotect'], [zero(2, PROT_EXEC)]),
    allow(['rt_sigprocmask', 'rt_sigreturn', 'restart_syscall', 'futex', 'exit', 'exit_group']),
    // F_GETFD, F_GETFL (fcntl(2)): what they set is shared with the caller.
    ...[1, 3].map((command) => allow(['fcntl'], [equal(1, command)])),
  ],
};

/** The filter's instructions as the initialiser of an array of `struct sock_filter`. */
function instructions(abi: 'x86_64' | 'aarch64'): string {
  const bytes = compile(normalize(profile, abi));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rows: string[] = [];
  for (let at = 0; at < bytes.byteLength; at += 8) {
    const [code, jt, jf, k] = [
      view.getUint16(at, true),
      view.getUint8(at + 2),
      view.getUint8(at + 3),
      view.getUint32(at + 4, true),
    ];
    rows.push(`  {${code}, ${jt}, ${jf}, ${k}u}`);
  }
  return rows.join(', \\\n');
}

const header = `/* Made by scripts/gen-planner-filter.ts. Do not edit. */
#if defined __x86_64__
#define PLANNER_FILTER { \\\n${instructions('x86_64')} \\
}
#elif defined __aarch64__
#define PLANNER_FILTER { \\\n${instructions('aarch64')} \\
}
#endif
`;

const path = join(import.meta.dirname, '../native/src/gen/planner_filter.h');
if (!process.argv.includes('--check')) writeFileSync(path, header);
else if (!existsSync(path) || readFileSync(path, 'utf8') !== header) {
  process.stderr.write('native/src/gen/planner_filter.h is stale: run node scripts/gen-planner-filter.ts\n');
  process.exitCode = 1;
}
