import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import type { LinuxSeccomp, SeccompArch } from '@ctr-tools/oci';
import { AUDIT_ARCH, SECCOMP_RET, X32_SYSCALL_BIT } from '@ctr-tools/sys/constants';
import { afterAll, describe, expect, test } from 'vitest';
import { skip } from '../../../test/support.ts';
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

/** The harness calls it by int 0x80 (harness.c). */
const I386 = 1n << 62n;
const AF_VSOCK = 40;
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

interface Asked {
  filter: Uint8Array;
  calls: readonly { nr: number | bigint; args: readonly bigint[] }[];
}

/**
 * What the kernel itself answers: for each call under each filter its errno as a word, or
 * `SIG31` for the signal that ended the process. All filters by one program, for in an
 * emulated machine the start of a program is what takes the time.
 */
function underKernel(asked: readonly Asked[]): string[][] {
  const input = asked.flatMap(({ filter, calls }) => {
    const head = BigUint64Array.of(BigInt(filter.length / 8), BigInt(calls.length));
    const words = calls.flatMap(({ nr, args }) => [
      BigInt(nr),
      ...Array.from({ length: 6 }, (_, i) => args[i] ?? 0n),
    ]);
    return [Buffer.from(head.buffer), filter, Buffer.from(BigUint64Array.from(words).buffer)];
  });
  const done = spawnSync(build('harness'), ['calls'], {
    input: Buffer.concat(input),
    timeout: 60_000,
    maxBuffer: 1 << 24,
  });
  expect([done.status, done.signal, done.stderr.toString()]).toEqual([0, null, '']);
  const lines = done.stdout.toString().trim().split('\n');
  expect(lines).toHaveLength(asked.reduce((n, { calls }) => n + calls.length, 0));
  return asked.map(({ calls }) => lines.splice(0, calls.length));
}

describe.skipIf(missing)(`the kernel itself${missing ? ` (skipped: ${missing})` : ''}`, () => {
  test('refuses each call that a filter refuses, and no other', () => {
    const { numbers, newest } = table('x86_64');
    const names = [...numbers.keys()].filter((name) => !needed.has(name) && !exempt.has(name));
    // Every second call is refused, with an errno that tells it apart; the other half in the next round.
    const rounds = [0, 1].map((odd) => {
      const refused = new Set(names.filter((_, i) => i % 2 === odd));
      const seccomp: LinuxSeccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: [...refused], action: 'SCMP_ACT_ERRNO', errnoRet: EREMOTEIO }],
      };
      const made = names.filter((name) => refused.has(name) || !unsafe.has(name));
      const calls = made.map((name) => ({
        nr: numbers.get(name)!,
        args: Array(6).fill(0xffff_ffff_ffff_ffffn),
      }));
      const beyond = { nr: newest + 50, args: [] };
      return {
        refused,
        made,
        filter: compile(normalize(seccomp, 'x86_64')),
        calls: [...calls, beyond],
      };
    });
    for (const [i, said] of underKernel(rounds).entries()) {
      const { made, refused } = rounds[i]!;
      const wrong = made.filter((name, j) => (said[j] === String(EREMOTEIO)) !== refused.has(name));
      expect(wrong).toEqual([]);
      expect(said.at(-1)).toBe('38');
    }
  });

  test.each(['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'] as const)('compares 64 bits: %s', (op) => {
    const nr = table('x86_64').numbers.get('getppid')!;
    const values = [0n, 0x28n, 0xffffffffn, 0x1_0000_0000n, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn]; // prettier-ignore
    const asked = values.map((value) => {
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
      const calls = boundaries.map((a) => ({ nr, args: [0n, 0n, 0n, a, 0n, 0n] }));
      return { value, filter: compile(normalize(seccomp, 'x86_64')), calls };
    });
    for (const [i, said] of underKernel(asked).entries()) {
      const { value, filter, calls } = asked[i]!;
      const program = decode(filter);
      const want = calls.map(({ args }) =>
        simulate(program, { arch: AUDIT_ARCH.X86_64, nr, args }).value === SECCOMP_RET.ALLOW
          ? '0'
          : String(EREMOTEIO),
      );
      expect([value, said]).toEqual([value, want]);
    }
  });

  test('takes the largest filter that we write, and each way to end', () => {
    const { numbers } = table('x86_64');
    const names = [...numbers.keys()].filter((name) => !needed.has(name));
    const seccomp: LinuxSeccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: names.map((name, i) => ({
        names: [name],
        action: 'SCMP_ACT_ERRNO' as const,
        errnoRet: (i % 90) + 1,
        args: [{ index: 0, value: i, op: 'SCMP_CMP_EQ' as const }],
      })),
    };
    const largest = compile(normalize(seccomp, 'x86_64'));
    expect(largest.length / 8).toBeGreaterThan(1500);
    const at = names.indexOf('getppid');
    const nr = numbers.get('getppid')!;
    const ends = [
      ['SCMP_ACT_KILL_PROCESS', `SIG${constants.signals.SIGSYS}`],
      ['SCMP_ACT_KILL_THREAD', `SIG${constants.signals.SIGSYS}`],
      ['SCMP_ACT_TRAP', `SIG${constants.signals.SIGSYS}`],
      ['SCMP_ACT_TRACE', '38'],
      ['SCMP_ACT_LOG', '0'],
    ] as const;
    const said = underKernel([
      { filter: largest, calls: [{ nr, args: [BigInt(at)] }] },
      ...ends.map(([action]) => ({
        filter: compile(
          normalize(
            { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['getppid'], action }] },
            'x86_64',
          ),
        ),
        calls: [{ nr, args: [] }],
      })),
    ]);
    expect(said.flat()).toEqual([String((at % 90) + 1), ...ends.map(([, end]) => end)]);
  });

  test('a call of the x32 ABI ends the process', () => {
    const filter = compile(normalize({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [] }, 'x86_64'));
    const nr = table('x86_64').numbers.get('getppid')!;
    const calls = [X32_SYSCALL_BIT + nr, nr].map((number) => ({ nr: number, args: [] }));
    expect(underKernel([{ filter, calls }])).toEqual([[`SIG${constants.signals.SIGSYS}`, '0']]);
  });

  test('a call of the i386 ABI ends the process, or is held to the profile where it is named', (context) => {
    const x86 = table('x86').numbers;
    const calls = ['getppid', 'getpgrp', 'socket'].map((name) => ({
      nr: I386 + BigInt(x86.get(name)!),
      args: [BigInt(AF_VSOCK)],
    }));
    if (underKernel([{ filter: Buffer.alloc(0), calls: calls.slice(0, 1) }])[0]![0] !== '0')
      skip(context, 'the kernel takes no i386 calls');
    const filterFor = (architectures: SeccompArch[]) =>
      compile(
        normalize(
          {
            defaultAction: 'SCMP_ACT_ALLOW',
            architectures,
            syscalls: [
              { names: ['getpgrp'], action: 'SCMP_ACT_ERRNO', errnoRet: EREMOTEIO },
              {
                names: ['socket'],
                action: 'SCMP_ACT_ERRNO',
                errnoRet: EREMOTEIO + 1,
                args: [{ index: 0, value: AF_VSOCK, op: 'SCMP_CMP_EQ' }],
              },
            ],
          },
          'x86_64',
        ),
      );
    const answers = underKernel([
      { filter: filterFor(['SCMP_ARCH_X86_64']), calls },
      { filter: filterFor(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']), calls },
    ]);
    const killed = `SIG${constants.signals.SIGSYS}`;
    expect(answers).toEqual([
      [killed, killed, killed],
      ['0', String(EREMOTEIO), String(EREMOTEIO + 1)],
    ]);
  });
});
