import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { LinuxSeccomp } from '@ctr-tools/oci';
import { afterAll, describe, expect, test } from 'vitest';
import { table } from '../src/abi.ts';
import { decode } from '../src/bpf/program.ts';
import { simulate } from '../src/bpf/simulator.ts';
import { compile } from '../src/compiler.ts';
import { normalize } from '../src/profile/normalize.ts';
import { build, cleanUp } from './libseccomp.ts';
import { boundaries } from './random.ts';

afterAll(cleanUp);

const missing =
  process.arch !== 'x64'
    ? 'the calls are numbered for x86_64'
    : spawnSync('cc', ['--version']).status === 0 && existsSync('/usr/include/linux/seccomp.h')
      ? undefined
      : 'a C compiler or the kernel headers are not installed';

/** An errno that no call of these gives of itself: what is refused is marked by it. */
const EREMOTEIO = 121;
/** Calls that the test program needs to say what it found, and to end; and those that do not return or block. */
const needed = new Set([
  'write',
  'exit_group',
  'exit',
  'fstat',
  'newfstatat',
  'brk',
  'mmap',
  'munmap',
  'ioctl',
  'read',
]);
const unsafe = new Set([
  'pause',
  'rt_sigsuspend',
  'rt_sigreturn',
  'rt_sigtimedwait',
  'vfork',
  'fork',
  'clone',
  'clone3',
  'reboot',
  'sync',
  'vhangup',
  'select',
  'poll',
  'ppoll',
  'pselect6',
  'setsid',
  'kill',
  'tkill',
  'tgkill',
  'munlockall',
  'syncfs',
  'alarm',
  'restart_syscall',
  'uretprobe',
  'uprobe',
  'acct',
  'swapon',
  'swapoff',
  'umount2',
  'wait4',
  'waitid',
  'setrlimit',
  'prctl',
  'arch_prctl',
  'personality',
  'seccomp',
  'unshare',
  'setns',
  'iopl',
  'ioperm',
  'rseq',
  'set_robust_list',
  'set_tid_address',
  'sigaltstack',
  'shutdown',
  'close',
  'close_range',
  'dup2',
  'dup3',
  'rt_sigprocmask',
  'rt_sigaction',
  'mprotect',
  'mremap',
  'kexec_load',
  'setgid',
  'setuid',
  'capset',
  'delete_module',
  'init_module',
  'finit_module',
  'quotactl',
  'sethostname',
  'setdomainname',
  'settimeofday',
  'clock_settime',
  'adjtimex',
  'clock_adjtime',
  'mount',
  'pivot_root',
  'chroot',
  'setgroups',
  'setresuid',
  'setresgid',
  'setreuid',
  'setregid',
  'setfsuid',
  'setfsgid',
  'mlockall',
  'nanosleep',
  'userfaultfd',
  'syslog',
  'umask',
  'setpgid',
  'setpriority',
  'nice',
  'ptrace',
  'io_uring_setup',
  'perf_event_open',
  'bpf',
  'fsopen',
  'landlock_restrict_self',
  'keyctl',
  'add_key',
  'request_key',
  'fchroot',
  'execve',
  'execveat',
  'membarrier',
  'ioprio_set',
  'sched_setscheduler',
  'sched_setparam',
  'sched_setattr',
  'sched_setaffinity',
  'set_mempolicy',
  'mbind',
  'migrate_pages',
  'move_pages',
  'remap_file_pages',
  'brk',
  'lookup_dcookie',
  'map_shadow_stack',
  'mseal',
]); // prettier-ignore

/** The kernel asks no filter about these since Linux 6.14: it writes them into probed programs itself (kernel/seccomp.c). */
const exempt = new Set(['uprobe', 'uretprobe']);

/** The errno of one call under a filter, as the kernel gave it; or the signal that ended it. */
function underKernel(filter: Buffer, nr: number, args: readonly bigint[]): string {
  const words = args.map((a) => `0x${a.toString(16)}`);
  const done = spawnSync(build('harness'), ['call', String(nr), ...words], { input: filter, timeout: 5000 });
  return done.signal ?? done.stdout.toString().trim();
}

describe.skipIf(missing)(`the kernel itself${missing ? ` (skipped: ${missing})` : ''}`, () => {
  test('refuses each call that a filter refuses, and no other', () => {
    const { numbers, newest } = table('x86_64');
    const names = [...numbers.keys()].filter((name) => !needed.has(name) && !exempt.has(name));
    // Every second call is refused, with an errno that tells it apart; the other half in the next round.
    for (const odd of [0, 1]) {
      const refused = names.filter((_, i) => i % 2 === odd);
      const seccomp: LinuxSeccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: refused, action: 'SCMP_ACT_ERRNO', errnoRet: EREMOTEIO }],
      };
      const filter = compile(normalize(seccomp, 'x86_64'));
      const wrong: string[] = [];
      for (const name of names) {
        const isRefused = refused.includes(name);
        if (!isRefused && unsafe.has(name)) continue;
        const said = underKernel(filter, numbers.get(name)!, Array(6).fill(0xffff_ffff_ffff_ffffn));
        if ((said === String(EREMOTEIO)) !== isRefused) wrong.push(`${name}: ${said}`);
      }
      expect(wrong).toEqual([]);
      expect(underKernel(filter, newest + 50, [])).toBe('38');
    }
  }, 120_000);

  test.each(['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'] as const)('compares 64 bits: %s', (op) => {
    const getpgid = table('x86_64').numbers.get('getppid')!;
    for (const value of [
      0n,
      0x28n,
      0xffffffffn,
      0x1_0000_0000n,
      0x8000_0000_0000_0000n,
      0xffff_ffff_ffff_ffffn,
    ]) {
      const seccomp: LinuxSeccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [
          {
            names: ['getppid'],
            action: 'SCMP_ACT_ERRNO',
            errnoRet: EREMOTEIO,
            args: [{ index: 3, value, valueTwo: value & 0x8000_0001_0000_0028n, op: `SCMP_CMP_${op}` }],
          },
        ],
      };
      const filter = compile(normalize(seccomp, 'x86_64'));
      const program = decode(filter);
      for (const a of boundaries.filter((_, i) => i % 3 === 0)) {
        const args = [0n, 0n, 0n, a, 0n, 0n];
        const want =
          simulate(program, { arch: 0xc000003e, nr: getpgid, args }).value === 0x7fff0000
            ? '0'
            : String(EREMOTEIO);
        expect([value, a, underKernel(filter, getpgid, args)]).toEqual([value, a, want]);
      }
    }
  });

  test('takes the largest filter that we write, and each way to end', () => {
    const names = [...table('x86_64').numbers.keys()].filter((name) => !needed.has(name));
    const seccomp: LinuxSeccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: names.map((name, i) => ({
        names: [name],
        action: 'SCMP_ACT_ERRNO' as const,
        errnoRet: (i % 90) + 1,
        args: [{ index: 0, value: i, op: 'SCMP_CMP_EQ' as const }],
      })),
    };
    const filter = compile(normalize(seccomp, 'x86_64'));
    expect(filter.length / 8).toBeGreaterThan(1500);
    const at = names.indexOf('getppid');
    expect(underKernel(filter, table('x86_64').numbers.get('getppid')!, [BigInt(at)])).toBe(
      String((at % 90) + 1),
    );
    for (const [action, end] of [
      ['SCMP_ACT_KILL_PROCESS', 'SIGSYS'],
      ['SCMP_ACT_KILL_THREAD', 'SIGSYS'],
      ['SCMP_ACT_TRAP', 'SIGSYS'],
      ['SCMP_ACT_TRACE', '38'],
      ['SCMP_ACT_LOG', '0'],
    ] as const) {
      const one = compile(
        normalize({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['getppid'], action }] }, 'x86_64'),
      );
      expect([action, underKernel(one, 110, [])]).toEqual([action, end]);
    }
  });

  test('a call of the x32 ABI ends the process', () => {
    const filter = compile(normalize({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [] }, 'x86_64'));
    expect(underKernel(filter, 0x40000000 + 110, [])).toBe('SIGSYS');
  });
});
