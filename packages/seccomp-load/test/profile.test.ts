import type { Spec } from '@ctr-tools/oci';
import { parseJson } from '@ctr-tools/oci';
import { SECCOMP_RET } from '@ctr-tools/sys/constants';
import { describe, expect, test } from 'vitest';
import { complaints } from '../src/complaints.ts';
import { normalize } from '../src/profile/normalize.ts';
import { kernelAtLeast, select } from '../src/profile/select.ts';
import { validate } from '../src/profile/validate.ts';

const errorOf = (document: unknown): string => {
  try {
    validate(document, 'p.json');
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};
const rule = (more: object) => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', ...more }],
});

describe('validation names the place', () => {
  test.each<[string, unknown, RegExp]>([
    ['no object', [], /p\.json: the document: found an empty array, allowed is an object/],
    [
      'unknown action',
      { defaultAction: 'SCMP_ACT_ALOW' },
      /p\.json: defaultAction: found the string "SCMP_ACT_ALOW", allowed is one of .*SCMP_ACT_ALLOW was probably meant/,
    ],
    [
      'errno without an action for it',
      { defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 1 },
      /defaultErrnoRet: is set, but SCMP_ACT_ALLOW has no errno/,
    ],
    ['the same in a rule', rule({ errnoRet: 38 }), /syscalls\[0\]\.errnoRet: is set/],
    [
      'errno too large',
      { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 5000 },
      /defaultErrnoRet: is 5000; an errno is from 0 to 4095/,
    ],
    [
      'operator',
      rule({ args: [{ index: 0, value: 1, op: 'SCMP_CMP_XX' }] }),
      /syscalls\[0\]\.args\[0\]\.op: found the string "SCMP_CMP_XX"/,
    ],
    [
      'index',
      rule({ args: [{ index: 6, value: 1, op: 'SCMP_CMP_EQ' }] }),
      /args\[0\]\.index: found the number 6, allowed is an integer from 0 to 5/,
    ],
    [
      'value',
      rule({ args: [{ index: 0, value: -1, op: 'SCMP_CMP_EQ' }] }),
      /args\[0\]\.value: found the number -1/,
    ],
    [
      'value beyond 64 bits',
      rule({ args: [{ index: 0, value: 1n << 64n, op: 'SCMP_CMP_EQ' }] }),
      /value: found the number 18446744073709551616/,
    ],
    [
      'no names',
      { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: [], action: 'SCMP_ACT_ALLOW' }] },
      /syscalls\[0\]\.names: must name at least one/,
    ],
    ['name and names', rule({ name: 'write' }), /both "name" and "names"/],
    [
      'architecture',
      { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_Z80'] },
      /architectures\[0\]: found the string "SCMP_ARCH_Z80"/,
    ],
    [
      'both architectures',
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures: ['SCMP_ARCH_X86'],
        archMap: [{ architecture: 'SCMP_ARCH_X86_64' }],
      },
      /both "architectures" and "archMap"/,
    ],
    ['flag', { defaultAction: 'SCMP_ACT_ALLOW', flags: ['SECCOMP_FILTER_FLAG_X'] }, /flags\[0\]/],
    ['metadata alone', { defaultAction: 'SCMP_ACT_ALLOW', listenerMetadata: 'x' }, /listenerPath is not/],
    ['minKernel', rule({ includes: { minKernel: 'new' } }), /includes\.minKernel: found the string "new"/],
  ])('%s', (_, document, message) => expect(errorOf(document)).toMatch(message));

  test('old Docker’s name and podman’s errno', () => {
    const profile = validate(
      {
        defaultAction: 'SCMP_ACT_ERRNO',
        defaultErrno: 'ENOSYS',
        syscalls: [{ name: 'read', action: 'SCMP_ACT_ERRNO', errno: 'EPERM' }],
      },
      'p.json',
    ).value;
    expect(profile.defaultErrnoRet).toBe(38);
    expect(profile.syscalls![0]).toEqual({ names: ['read'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 });
  });
  test.each<[string, unknown, RegExp]>([
    ['nothing', {}, /p\.json: defaultAction: is missing/],
    ['an empty action', { defaultAction: '' }, /defaultAction: found an empty string/],
    ['null', { defaultAction: null, syscalls: null }, /defaultAction: is missing/],
    [
      'rules alone',
      { syscalls: [{ names: ['ptrace'], action: 'SCMP_ACT_ERRNO' }] },
      /defaultAction: is missing/,
    ],
    [
      'a profile one level too deep, whose name is said',
      { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } },
      /defaultAction: is missing; seccomp: unknown property/,
    ],
  ])('what leaves nothing to load is refused: %s', (_, document, message) =>
    expect(errorOf(document)).toMatch(message),
  );

  test('names that differ in case alone are taken, at every depth, with a warning', () => {
    const { value, warnings } = validate(
      {
        defaultaction: 'SCMP_ACT_ALLOW',
        ArchMap: [{ Architecture: 'SCMP_ARCH_X86_64', subarchitectures: ['SCMP_ARCH_X86'] }],
        Syscalls: [
          {
            Names: ['socket'],
            Action: 'SCMP_ACT_ERRNO',
            ERRNORET: 5,
            Args: [{ Index: 0, Value: 40, Op: 'SCMP_CMP_EQ' }],
            Includes: { CAPS: ['CAP_KILL'], minkernel: '4.8' },
          },
        ],
      },
      'p.json',
    );
    expect(value).toEqual({
      defaultAction: 'SCMP_ACT_ALLOW',
      archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
      syscalls: [
        {
          names: ['socket'],
          action: 'SCMP_ACT_ERRNO',
          errnoRet: 5,
          args: [{ index: 0, value: 40, op: 'SCMP_CMP_EQ' }],
          includes: { caps: ['CAP_KILL'], minKernel: '4.8' },
        },
      ],
    });
    expect(warnings).toHaveLength(15);
    expect(warnings.every((w) => w.told)).toBe(true);
  });

  test('unknown names are told of, at every depth', () => {
    const { warnings } = validate(
      {
        defaultAction: 'SCMP_ACT_ERRNO',
        default: 1,
        syscalls: [
          { names: ['read'], action: 'SCMP_ACT_ALLOW', arg: [{ index: 0 }], includes: { cap: ['CAP_KILL'] } },
        ],
      },
      'p.json',
    );
    expect(warnings.map((w) => `${w.path}: ${w.message}`)).toEqual([
      'default: unknown property, ignored',
      'syscalls[0].arg: unknown property, ignored; args was probably meant',
      'syscalls[0].includes.cap: unknown property, ignored; caps was probably meant',
    ]);
  });

  test('64-bit values survive', () => {
    const text =
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]}]}';
    const profile = validate(parseJson(text, 'p.json'), 'p.json').value;
    expect(
      normalize(select(profile, { abi: 'x86_64', caps: new Set(), kernel: '6.1' }), 'x86_64').rules[0]!
        .args[0]!.value,
    ).toBe((1n << 64n) - 1n);
  });
});

describe('Docker’s conditions', () => {
  const host = { abi: 'x86_64', kernel: '5.10.0-8-amd64', caps: new Set(['CAP_A', 'CAP_B']) } as const;
  const chosen = (conditions: object) => select(rule(conditions) as never, host).syscalls!.length === 1;
  test.each<[object, boolean]>([
    [{ includes: { caps: ['CAP_A', 'CAP_B'] } }, true],
    [{ includes: { caps: ['CAP_A', 'CAP_C'] } }, false],
    [{ excludes: { caps: ['CAP_C', 'CAP_B'] } }, false],
    [{ excludes: { caps: ['CAP_C'] } }, true],
    [{ includes: { arches: ['arm64', 'amd64'] } }, true],
    [{ includes: { arches: ['arm64'] } }, false],
    [{ excludes: { arches: ['amd64'] } }, false],
    [{ includes: { minKernel: '5.10' } }, true],
    [{ includes: { minKernel: '5.11' } }, false],
    [{ excludes: { minKernel: '4.8' } }, false],
    [{ includes: {}, excludes: {} }, true],
  ])('%j is %s', (conditions, expected) => expect(chosen(conditions)).toBe(expected));
  test('the map of architectures gives this machine’s', () => {
    const profile = {
      defaultAction: 'SCMP_ACT_ALLOW',
      archMap: [
        { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] },
        { architecture: 'SCMP_ARCH_AARCH64' },
      ],
    };
    expect(select(profile as never, host).architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
    expect(select(profile as never, { ...host, abi: 'aarch64' }).architectures).toEqual([
      'SCMP_ARCH_AARCH64',
    ]);
  });
  test('nothing of Docker’s format is left in the spec', () => {
    const spec: Spec['linux'] = {
      seccomp: select(rule({ comment: 'x', includes: {}, args: null }) as never, host),
    };
    expect(spec.seccomp).toEqual({
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }],
    });
  });
  test('versions', () => {
    expect(kernelAtLeast('6.18.44-fc', '6.9')).toBe(true);
    expect(kernelAtLeast('4.19.0', '5.4')).toBe(false);
  });
});

describe('complaints', () => {
  const about = (seccomp: Parameters<typeof normalize>[0]) => complaints(normalize(seccomp, 'x86_64'));
  test('a misspelt name that would be let through is an error, else a warning', () => {
    expect(
      about({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mout'], action: 'SCMP_ACT_ERRNO' }] })
        .errors[0],
    ).toMatch(/mout; it is to be refused \(errno EPERM\), but would be allowed/);
    const allowed = about({
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [{ names: ['mout', 's390_sthyi', 'read'], action: 'SCMP_ACT_ALLOW' }],
    });
    expect(allowed.errors).toEqual([]);
    expect(allowed.warnings).toHaveLength(1);
  });
  test('a rule that another one hides', () => {
    const args = [{ index: 0, value: 38, op: 'SCMP_CMP_EQ' as const }];
    expect(
      about({
        defaultAction: 'SCMP_ACT_TRAP',
        syscalls: [
          { names: ['socket'], action: 'SCMP_ACT_ALLOW' },
          { names: ['socket'], action: 'SCMP_ACT_ERRNO', args },
        ],
      }).warnings[0],
    ).toBe('syscalls[1] has no effect on socket: syscalls[0] decides all its calls');
  });
});

test('actions come to what the kernel defines', () => {
  const value = (action: string, errnoRet?: number) =>
    normalize(
      {
        defaultAction: 'SCMP_ACT_LOG',
        syscalls: [{ names: ['read'], action: action as never, ...(errnoRet !== undefined && { errnoRet }) }],
      },
      'x86_64',
    ).rules[0]!.action;
  expect(value('SCMP_ACT_KILL')).toBe(SECCOMP_RET.KILL_THREAD);
  expect(value('SCMP_ACT_KILL_PROCESS')).toBe(0x80000000);
  expect(value('SCMP_ACT_ERRNO')).toBe(0x50001);
  expect(value('SCMP_ACT_ERRNO', 0)).toBe(0x50000);
  expect(value('SCMP_ACT_TRACE', 7)).toBe(0x7ff00007);
  expect(value('SCMP_ACT_NOTIFY')).toBe(0x7fc00000);
});
