import { AUDIT_ARCH, SECCOMP_RET } from '@ctr-tools/sys/constants';
import { describe, expect, test } from 'vitest';
import { describeComparison } from '../src/act/explain.ts';
import { describeReturn } from '../src/actions.ts';
import { disassemble } from '../src/bpf/disassembler.ts';
import { decode } from '../src/bpf/program.ts';
import { simulate, strictest } from '../src/bpf/simulator.ts';
import { parseCall } from '../src/call.ts';
import { compare } from '../src/compare.ts';
import { compile } from '../src/compiler.ts';
import { normalize } from '../src/profile/normalize.ts';
import { Learned } from '../src/watch/learned.ts';

const args = (text: string) => parseCall(text, 'x86_64').args;
const U64 = (n: bigint) => BigInt.asUintN(64, n);

describe('calls as people write them', () => {
  test.each<[string, bigint[]]>([
    ['read', []],
    ['read()', []],
    [
      'openat(AT_FDCWD, "a, b(c)", O_RDONLY|O_CLOEXEC, 0644)',
      [U64(-100n), 0x7f5a12345678n, 0o2000000n, 0o644n],
    ],
    ['socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP) = 3', [10n, 0o2000002n, 17n]],
    ['clone(CLONE_NEWUSER|SIGCHLD)', [0x10000011n]],
    ['kill(-1, SIGKILL)', [U64(-1n), 9n]],
    ['umask(~0777)', [U64(~0o777n)]],
    ['execve("/bin/sh", ["sh", "-c"], 0x7ffd /* 12 vars */)', [0x7f5a12345678n, 0x7f5a12345678n, 0x7ffdn]],
    ['read(3, NULL, 18446744073709551615)', [3n, 0n, (1n << 64n) - 1n]],
  ])('%s', (text, want) => expect(args(text)).toEqual(want));

  test('of other ABIs, by number, and with narrow arguments', () => {
    expect(parseCall('x86:socketcall(1)', 'x86_64')).toMatchObject({
      arch: AUDIT_ARCH.I386,
      nr: 102,
      abi: 'x86',
    });
    expect(parseCall('x32:read(0)', 'x86_64').nr).toBe(0x40000000);
    expect(parseCall('9999(1)', 'aarch64')).toMatchObject({ arch: AUDIT_ARCH.AARCH64, nr: 9999 });
    expect(parseCall('kill(-1)', 'arm').args).toEqual([0xffffffffn]);
  });

  test.each([
    ['raed(0)', /x86_64 has no call raed$/],
    ['socketcall(1)', /other ABIs have it/],
    ['openat(AT_FDCDW)', /AT_FDCDW is no constant known here \(there are AT_FDCWD/],
    ['z80:read(0)', /there is no ABI z80/],
    ['read(1,2,3,4,5,6,7)', /at most six/],
    ['not a call', /a call like openat/],
  ])('%s is an error', (text, message) => expect(() => parseCall(text, 'x86_64')).toThrow(message));
});

describe('the simulator', () => {
  const run = (...instructions: [number, number, number, number][]) =>
    simulate(
      instructions.map(([code, jt, jf, k]) => ({ code, jt, jf, k })),
      { arch: AUDIT_ARCH.X86_64, nr: 5, args: [0x1_0000_0002n] },
    ).value;

  test('arithmetic, memory and the index register', () => {
    expect(
      run(
        [0x20, 0, 0, 16],
        [0x02, 0, 0, 3],
        [0x20, 0, 0, 20],
        [0x61, 0, 0, 3],
        [0x0c, 0, 0, 0],
        [0x16, 0, 0, 0],
      ),
    ).toBe(3);
    expect(
      run(
        [0x00, 0, 0, 7],
        [0x07, 0, 0, 0],
        [0x00, 0, 0, 7],
        [0x1d, 1, 0, 0],
        [0x06, 0, 0, 1],
        [0x06, 0, 0, 2],
      ),
    ).toBe(2);
    expect(run([0x80, 0, 0, 0], [0x16, 0, 0, 0])).toBe(64);
    expect(run([0x00, 0, 0, 8], [0x34, 0, 0, 0], [0x16, 0, 0, 0])).toBe(0);
    expect(run([0x00, 0, 0, 1], [0x84, 0, 0, 0], [0x16, 0, 0, 0])).toBe(0xffffffff);
  });
  test('what the kernel would not take is an error', () => {
    expect(() => run([0x20, 0, 0, 2])).toThrow(/offset 2/);
    expect(() => run([0x00, 0, 0, 0])).toThrow(/without a return/);
    expect(() => run([0x30, 0, 0, 0], [0x06, 0, 0, 0])).toThrow(/unknown code/);
    expect(() => decode(Buffer.alloc(12))).toThrow(/no multiple of 8/);
  });
  test('of several filters the strictest counts', () => {
    const { ALLOW, LOG, ERRNO, KILL_PROCESS, KILL_THREAD, USER_NOTIF } = SECCOMP_RET;
    expect(strictest([ALLOW, LOG])).toBe(LOG);
    expect(strictest([ERRNO | 1, USER_NOTIF, ALLOW])).toBe(ERRNO | 1);
    expect(strictest([KILL_THREAD, KILL_PROCESS, ERRNO])).toBe(KILL_PROCESS);
  });
});

test('the disassembler names calls, arguments and answers', () => {
  const program = compile(
    normalize(
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [
          {
            names: ['personality'],
            action: 'SCMP_ACT_ERRNO',
            args: [{ index: 0, value: 0x40000, valueTwo: 0x40000, op: 'SCMP_CMP_MASKED_EQ' }],
          },
        ],
      },
      'x86_64',
    ),
  );
  const text = disassemble(decode(program));
  expect(text).toMatch(
    /^ 0 {2}A = arch\n 1 {2}if \(A == 0xc000003e\) goto 2 else \d+ +# x86_64\n 2 {2}A = nr\n/,
  );
  expect(text).toMatch(/# personality/);
  expect(text).toMatch(/A = args\[0\]\.low\n.*A and 0x40000\n.*if \(A == 0x40000\)/);
  expect(text).toMatch(/return errno EPERM/);
  expect(text).toMatch(/return kill_process/);
});

describe('differences by behaviour', () => {
  const program = (seccomp: Parameters<typeof normalize>[0]) => decode(compile(normalize(seccomp, 'x86_64')));
  const rule = (value: number, op: 'SCMP_CMP_EQ' | 'SCMP_CMP_LE') =>
    program({
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['socket'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, value, op }] }],
    });

  test('another text that answers alike is not a difference', () => {
    const two = program({
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 38,
      syscalls: [
        { names: ['read'], action: 'SCMP_ACT_ALLOW' },
        { names: ['write'], action: 'SCMP_ACT_ALLOW' },
      ],
    });
    const one = program({
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 38,
      syscalls: [{ names: ['write', 'read'], action: 'SCMP_ACT_ALLOW' }],
    });
    expect(compare(one, two, ['x86_64', 'x86', 'x32'])).toEqual([]);
  });
  test('a boundary off by one is found, with arguments that show it', () => {
    const found = compare(rule(40, 'SCMP_CMP_EQ'), rule(41, 'SCMP_CMP_EQ'), ['x86_64']);
    expect(found.map((d) => [d.call, describeReturn(d.first), describeReturn(d.second), d.args[0]])).toEqual([
      ['socket', 'errno EPERM', 'allow', 40n],
      ['socket', 'allow', 'errno EPERM', 41n],
    ]);
    expect(
      compare(rule(39, 'SCMP_CMP_LE'), rule(40, 'SCMP_CMP_LE'), ['x86_64']).map((d) => d.args[0]),
    ).toEqual([40n]);
  });
});

test('comparisons in words', () => {
  expect(describeComparison('socket', { index: 0, op: 'EQ', value: 40n, two: 0n })).toBe(
    'args[0] == AF_VSOCK',
  );
  expect(describeComparison('clone', { index: 0, op: 'MASKED_EQ', value: 0x30000000n, two: 0n })).toBe(
    '(args[0] & CLONE_NEWUSER|CLONE_NEWPID) == 0',
  );
  expect(describeComparison('ioctl', { index: 1, op: 'NE', value: 0x5412n, two: 0n })).toBe(
    'args[1] != 0x5412',
  );
});

test('what was learned is the smallest profile that allows it', () => {
  const learned = new Learned();
  const seen = [
    'read(3, 0x7000, 10)',
    'read(4, 0x8000, 20)',
    'socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0)',
    'prctl(PR_SET_NAME, 0x1234)',
    'socket(AF_INET, SOCK_STREAM, 0)',
    'clone(CLONE_VM|CLONE_NEWNET|SIGCHLD)',
    'x86:getpid',
    '9999(1)',
  ]; // prettier-ignore
  for (const text of seen) learned.add(parseCall(text, 'x86_64'));
  const profile = learned.profile('x86_64');
  expect(profile.architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
  expect(profile.syscalls!.map((r) => [r.names.join(), r.args?.map((a) => a.valueTwo)])).toEqual([
    ['getpid,read', undefined],
    ['clone', [0x40000000]],
    ['prctl', [15]],
    ['socket', [2, 1, 0]],
    // Not seen: what the kernel itself has a program call.
    ['exit,exit_group,restart_syscall,rt_sigreturn,sigreturn,uretprobe', undefined],
  ]);
  expect(profile.syscalls!.at(-1)!.comment).toMatch(/^the kernel's own, seen or not: after a stop, /);
  expect([...learned.unnamed]).toEqual(['9999 of x86_64']);
  const plain = normalize(profile, 'x86_64');
  const program = decode(compile(plain));
  for (const text of seen.slice(0, -1))
    expect(simulate(program, parseCall(text, 'x86_64')).value).toBe(SECCOMP_RET.ALLOW);
  for (const text of ['socket(AF_INET, SOCK_DGRAM, 0)', 'prctl(22)', 'clone(CLONE_NEWUSER)', 'mkdir(0)'])
    expect(simulate(program, parseCall(text, 'x86_64')).value).toBe(SECCOMP_RET.ERRNO | 1);
});
