import { AUDIT_ARCH, SECCOMP_RET } from '@ctr-tools/sys/constants';
import { describe, expect, test } from 'vitest';
import { abis, table } from '../src/abi.ts';
import { decode } from '../src/bpf/program.ts';
import { type Call, simulate } from '../src/bpf/simulator.ts';
import { compile } from '../src/compiler.ts';
import { defaultProfile } from '../src/default-profile.ts';
import { interpret } from '../src/interpreter.ts';
import { normalize } from '../src/profile/normalize.ts';
import { select } from '../src/profile/select.ts';
import { argument, boundaries, profile, Random } from './random.ts';

const { ERRNO, ALLOW, KILL_PROCESS } = SECCOMP_RET;

const x86_64 = (nr: number, ...args: bigint[]): Call => ({ arch: AUDIT_ARCH.X86_64, nr, args });
const program = (seccomp: Parameters<typeof normalize>[0]) => decode(compile(normalize(seccomp, 'x86_64')));
const answer = (seccomp: Parameters<typeof normalize>[0], call: Call) =>
  simulate(program(seccomp), call).value;

const ordinary = select(defaultProfile, { abi: 'x86_64', caps: new Set(), kernel: '6.18.0' });

/** Numbers at which a table, a base or the sign changes. */
const numbers = [
  ...Array(600).keys(),
  0x3fffffff,
  0x40000000,
  0x400001d8,
  0x40000223,
  0x40000224,
  0x7fffffff,
  0x80000000,
  0xfffffffe,
  0xffffffff,
  0x0effff,
  0x0f0000,
  0x0f0001,
  0x0f0005,
  0x0f000f,
  0x0f0010,
]; // prettier-ignore

describe('compiler against plain interpretation', () => {
  test.each(Array.from({ length: 60 }, (_, seed) => seed))('random profile %i', (seed) => {
    const r = new Random(seed);
    const plain = normalize(profile(r), r.pick([...abis.keys()].filter((a) => a !== 'x32')));
    const compiled = decode(compile(plain));
    const named = plain.rules.flatMap((rule) => rule.names);
    for (let i = 0; i < 3000; i++) {
      const abi = r.pick([...abis.values()]);
      const known = named.length && r.below(3) ? table(abi.name).numbers.get(r.pick(named)) : undefined;
      const nr = known === undefined ? r.pick(numbers) : known + abi.base;
      const args = Array.from({ length: 6 }, () => BigInt.asUintN(abi.wide ? 64 : 32, argument(r)));
      const call = { arch: r.below(20) ? abi.audit : r.next(), nr, args };
      const want = interpret(plain, call);
      const got = simulate(compiled, call).value;
      // Only where they differ, for one expectation a call would take seconds.
      if (got !== want.value || i === 2999)
        expect({ seed, call, got }).toEqual({ seed, call, got: want.value });
    }
  });

  test.each(['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'] as const)('%s at every boundary', (op) => {
    for (const value of boundaries)
      for (const valueTwo of op === 'MASKED_EQ' ? boundaries : [0n]) {
        const rule = {
          names: ['read'],
          action: 'SCMP_ACT_ERRNO',
          args: [{ index: 4, value, valueTwo, op: `SCMP_CMP_${op}` }],
        } as const;
        const compiled = program({
          defaultAction: 'SCMP_ACT_ALLOW',
          syscalls: [{ ...rule, names: ['read'], args: [...rule.args] }],
        });
        for (const a of boundaries) {
          const holds = {
            NE: a !== value,
            LT: a < value,
            LE: a <= value,
            EQ: a === value,
            GE: a >= value,
            GT: a > value,
            MASKED_EQ: (a & value) === (valueTwo & value),
          }[op]; // prettier-ignore
          expect(simulate(compiled, x86_64(0, 0n, 0n, 0n, 0n, a)).value).toBe(
            holds ? (ERRNO | 1) >>> 0 : ALLOW,
          );
        }
      }
  });

  test('many values of one argument, searched as ranges, answer as one by one', () => {
    for (let seed = 0; seed < 40; seed++) {
      const r = new Random(seed);
      const ops = ['NE', 'LT', 'LE', 'EQ', 'EQ', 'EQ', 'GE', 'GT'] as const;
      const plain = normalize(
        {
          defaultAction: r.pick(['SCMP_ACT_ALLOW', 'SCMP_ACT_ERRNO']),
          architectures: ['SCMP_ARCH_X86'],
          syscalls: Array.from({ length: 3 + r.below(20) }, () => ({
            names: ['close'],
            action: r.pick(['SCMP_ACT_ALLOW', 'SCMP_ACT_TRAP', 'SCMP_ACT_LOG'] as const),
            args: [
              {
                index: 1,
                value: r.below(8) ? BigInt(r.below(50)) : 0xffffffffn,
                op: `SCMP_CMP_${r.pick(ops)}` as const,
              },
            ],
          })),
        },
        'x86_64',
      );
      const compiled = decode(compile(plain));
      for (const a of [...Array(52).keys()].map(BigInt).concat(boundaries))
        for (const call of [x86_64(3, 9n, a), { arch: AUDIT_ARCH.I386, nr: 6, args: [9n, a & 0xffffffffn] }])
          expect(simulate(compiled, call).value).toBe(interpret(plain, call).value);
    }
  });
});

describe('the shape of the program', () => {
  test('what needs no arguments is decided without them, so that the kernel can cache it', () => {
    const compiled = program(ordinary);
    const asks = new Set<number>();
    for (let nr = 0; nr < 480; nr++) if (!simulate(compiled, x86_64(nr)).constant) asks.add(nr);
    const conditional = ['socket', 'personality', 'clone'].map((n) => table('x86_64').numbers.get(n)!);
    expect([...asks].sort((a, b) => a - b)).toEqual(conditional.sort((a, b) => a - b));
  });

  test('no call takes long to be found', () => {
    const compiled = program(ordinary);
    const steps = [...Array(480).keys()].map((nr) => simulate(compiled, x86_64(nr, 0x29n)).steps);
    expect(Math.max(...steps)).toBeLessThanOrEqual(24);
    expect(compiled.length).toBeLessThan(600);
  });

  test('jumps beyond 255 instructions arrive', () => {
    // Each call with arguments of its own: nothing can be joined, the search spans thousands of instructions.
    const names = [...table('x86_64').numbers.keys()];
    const plain = normalize(
      {
        defaultAction: 'SCMP_ACT_KILL_PROCESS',
        syscalls: names.map((name, i) => ({
          names: [name],
          action: 'SCMP_ACT_ERRNO' as const,
          errnoRet: i,
          args: [{ index: 0, value: i, op: 'SCMP_CMP_EQ' as const }],
        })),
      },
      'x86_64',
    );
    const compiled = decode(compile(plain));
    expect(compiled.length).toBeGreaterThan(1500);
    for (const [i, name] of names.entries()) {
      const nr = table('x86_64').numbers.get(name)!;
      expect(simulate(compiled, x86_64(nr, BigInt(i))).value).toBe((ERRNO | i) >>> 0);
      expect(simulate(compiled, x86_64(nr, BigInt(i + 1))).value).toBe(KILL_PROCESS);
    }
  });

  test('a filter longer than the kernel takes is an error', () => {
    const syscalls = Array.from({ length: 1200 }, (_, i) => ({
      names: ['read'],
      action: 'SCMP_ACT_TRAP' as const,
      args: [0, 1].map((index) => ({ index, value: i, op: 'SCMP_CMP_EQ' as const })),
    }));
    expect(() => program({ defaultAction: 'SCMP_ACT_ALLOW', syscalls })).toThrow(
      /more instructions than the 4096 that the kernel takes/,
    );
  });
});

describe('ABIs', () => {
  const onlyRead = {
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }],
  } as const;
  const seccomp = { ...onlyRead, syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' as const }] };

  test('a foreign ABI is refused unless named', () => {
    const i386: Call = { arch: AUDIT_ARCH.I386, nr: 3, args: [] };
    expect(answer(seccomp, i386)).toBe(KILL_PROCESS);
    expect(answer({ ...seccomp, architectures: ['SCMP_ARCH_X86'] }, i386)).toBe(ALLOW);
    expect(answer({ ...seccomp, architectures: ['SCMP_ARCH_X86'] }, x86_64(0))).toBe(ALLOW);
    expect(answer(seccomp, { arch: AUDIT_ARCH.AARCH64, nr: 63, args: [] })).toBe(KILL_PROCESS);
  });

  test('x32 is told apart by its bit', () => {
    expect(answer(seccomp, x86_64(0x40000000))).toBe(KILL_PROCESS);
    expect(answer({ ...seccomp, architectures: ['SCMP_ARCH_X32'] }, x86_64(0x40000000))).toBe(ALLOW);
    // readv is 19 in x86_64 and 515 in x32: neither number may stand in for the other
    const readv = {
      defaultAction: 'SCMP_ACT_ERRNO' as const,
      architectures: ['SCMP_ARCH_X32' as const],
      syscalls: [{ names: ['readv'], action: 'SCMP_ACT_ALLOW' as const }],
    };
    expect(answer(readv, x86_64(0x40000000 + 515))).toBe(ALLOW);
    expect(answer(readv, x86_64(0x40000000 + 19))).toBe((ERRNO | 1) >>> 0);
    expect(answer(readv, x86_64(515))).toBe((ERRNO | 38) >>> 0);
  });

  test('calls newer than all that the profile names get ENOSYS, unless the default permits', () => {
    expect(answer(ordinary, x86_64(472))).toBe((ERRNO | 38) >>> 0);
    expect(answer(ordinary, x86_64(9999))).toBe((ERRNO | 38) >>> 0);
    expect(answer(ordinary, x86_64(0xffffffff))).toBe((ERRNO | 38) >>> 0);
    expect(
      answer(
        { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['read'], action: 'SCMP_ACT_ERRNO' }] },
        x86_64(9999),
      ),
    ).toBe(ALLOW);
    // with nothing named there is nothing to be newer than
    expect(answer({ defaultAction: 'SCMP_ACT_ERRNO' }, x86_64(9999))).toBe((ERRNO | 1) >>> 0);
  });

  test('x86 calls behind socketcall follow the rule of the call itself', () => {
    const i386 = (nr: number, ...args: bigint[]): Call => ({ arch: AUDIT_ARCH.I386, nr, args });
    const archs = ['SCMP_ARCH_X86' as const];
    const bind = {
      defaultAction: 'SCMP_ACT_ERRNO' as const,
      architectures: archs,
      syscalls: [{ names: ['bind'], action: 'SCMP_ACT_ALLOW' as const }],
    };
    expect(answer(bind, i386(102, 2n))).toBe(ALLOW);
    expect(answer(bind, i386(102, 1n))).toBe((ERRNO | 1) >>> 0);
    const some = (
      action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO',
      defaultAction: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO',
    ) =>
      answer(
        {
          defaultAction,
          architectures: archs,
          syscalls: [{ names: ['socket'], action, args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }] }],
        },
        i386(102, 1n),
      );
    expect(some('SCMP_ACT_ALLOW', 'SCMP_ACT_ERRNO')).toBe((ERRNO | 1) >>> 0);
    expect(some('SCMP_ACT_ERRNO', 'SCMP_ACT_ALLOW')).toBe((ERRNO | 1) >>> 0);
  });
});

describe('rules that meet', () => {
  const args = [{ index: 0, value: 7, op: 'SCMP_CMP_EQ' as const }];
  const of = (...syscalls: NonNullable<Parameters<typeof normalize>[0]['syscalls']>) =>
    answer({ defaultAction: 'SCMP_ACT_ERRNO', syscalls }, x86_64(0, 7n));

  test('a rule without arguments replaces those with', () => {
    expect(
      of({ names: ['read'], action: 'SCMP_ACT_TRAP', args }, { names: ['read'], action: 'SCMP_ACT_ALLOW' }),
    ).toBe(ALLOW);
    expect(
      of({ names: ['read'], action: 'SCMP_ACT_ALLOW' }, { names: ['read'], action: 'SCMP_ACT_TRAP', args }),
    ).toBe(ALLOW);
  });
  test('of two that hold the stricter decides, in either order', () => {
    const two = [
      { names: ['read'], action: 'SCMP_ACT_ALLOW' as const, args },
      { names: ['read'], action: 'SCMP_ACT_TRAP' as const, args },
    ];
    expect(of(...two)).toBe(SECCOMP_RET.TRAP);
    expect(of(...two.toReversed())).toBe(SECCOMP_RET.TRAP);
  });
  test('comparisons of one argument in one rule are alternatives, of several arguments they all hold', () => {
    const or = [...args, { index: 0, value: 9, op: 'SCMP_CMP_EQ' as const }];
    const and = [...args, { index: 1, value: 9, op: 'SCMP_CMP_EQ' as const }];
    expect(of({ names: ['read'], action: 'SCMP_ACT_ALLOW', args: or })).toBe(ALLOW);
    expect(of({ names: ['read'], action: 'SCMP_ACT_ALLOW', args: and })).toBe((ERRNO | 1) >>> 0);
  });
  test('a rule that says what the default says hides nothing', () => {
    expect(
      of({ names: ['read'], action: 'SCMP_ACT_ERRNO' }, { names: ['read'], action: 'SCMP_ACT_ALLOW' }),
    ).toBe(ALLOW);
  });
});
