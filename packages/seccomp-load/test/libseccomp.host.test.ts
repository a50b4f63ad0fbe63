import { existsSync, readFileSync } from 'node:fs';
import { type LinuxSeccomp, parseJson } from '@ctr-tools/oci';
import { SECCOMP_RET } from '@ctr-tools/sys/constants';
import { afterAll, describe, expect, test } from 'vitest';
import { type AbiName, abis, table } from '../src/abi.ts';
import { decode, type Instruction } from '../src/bpf/program.ts';
import { type Call, simulate } from '../src/bpf/simulator.ts';
import { compile } from '../src/compiler.ts';
import { decide } from '../src/decide.ts';
import { defaultProfile } from '../src/default-profile.ts';
import { normalize } from '../src/profile/normalize.ts';
import { select } from '../src/profile/select.ts';
import type { Profile } from '../src/profile/types.ts';
import { validate } from '../src/profile/validate.ts';
import { cleanUp, compileWithLibseccomp, missing, without } from './libseccomp.ts';
import { argument, boundaries, Random, profile as randomProfile } from './random.ts';

afterAll(cleanUp);

const ENOSYS = (SECCOMP_RET.ERRNO | 38) >>> 0;
const native: AbiName[] = ['x86_64', 'x86', 'x32'];

/** runc's filter: libseccomp's, with the stub before it that says ENOSYS above the largest call named (patchbpf). */
function runc(plain: Profile, program: readonly Instruction[], call: Call, name: AbiName): number {
  const { largest } = decide(plain, name);
  if (plain.enosys && plain.abis.includes(name) && largest >= 0 && call.nr - abis.get(name)!.base > largest)
    return ENOSYS;
  return simulate(program, call).value;
}

/** A foreign ABI ends the thread there and the process here. */
const sameKill = (value: number): number =>
  value === SECCOMP_RET.KILL_THREAD ? SECCOMP_RET.KILL_PROCESS : value;

/** Calls that libseccomp 2.5 knows by name but not yet in every ABI. */
const notEverywhere = new Set(['map_shadow_stack']);

function argumentSets(r: Random): bigint[][] {
  const single = [
    0n,
    1n,
    11n,
    12n,
    16n,
    38n,
    40n,
    45n,
    46n,
    0x8n,
    0x20000n,
    0x20008n,
    0xffffffffn,
    0x10000000n,
    0x7e020000n,
    0x1200011n,
    0x1_0000_0001n,
    0x28_0000_0028n,
  ]; // prettier-ignore
  return [
    ...single.map((a) => [a, 0n, 9n]),
    ...Array.from({ length: 6 }, () => Array.from({ length: 6 }, () => argument(r))),
  ];
}

/** Every number of every ABI here, with many arguments: our answer and the peer's. Gives how many were compared. */
function compareAll(seccomp: LinuxSeccomp): number {
  const { unknown } = compileWithLibseccomp(seccomp);
  const known = without(without(seccomp, unknown), notEverywhere);
  const plain = normalize(known, 'x86_64');
  const ours = decode(compile(plain));
  const theirs = compileWithLibseccomp(known).program;
  const r = new Random(1);
  const sets = argumentSets(r);
  let compared = 0;
  for (const name of native) {
    const abi = abis.get(name)!;
    for (let nr = 0; nr < 600; nr++) {
      for (const set of sets) {
        // libseccomp looks at the lower halves of x32's arguments only; the kernel hands over all 64 bits.
        const args = set.map((a) => BigInt.asUintN(name === 'x86_64' ? 64 : 32, a));
        const call = { arch: abi.audit, nr: nr + abi.base, args };
        const got = simulate(ours, call).value;
        const want = runc(plain, theirs, call, name);
        if (sameKill(got) !== sameKill(want)) expect({ name, call, got }).toEqual({ name, call, got: want });
        compared++;
      }
    }
  }
  return compared;
}

describe.skipIf(missing)(`against libseccomp${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const host = { abi: 'x86_64', kernel: '6.18.0' } as const;
  test.each([
    ['without capabilities', []],
    ['with Docker’s', ['CAP_SYS_CHROOT', 'CAP_NET_RAW', 'CAP_MKNOD']],
    ['with CAP_SYS_ADMIN', ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_SYS_NICE']],
  ])('the default profile, %s: every call', (_, caps) => {
    const seccomp = select(defaultProfile, { ...host, caps: new Set(caps) });
    expect(compareAll(seccomp)).toBe(3 * 600 * 24);
  });

  const podman = '/usr/share/containers/seccomp.json';
  test.skipIf(!existsSync(podman))('podman’s profile (containers-common): every call', () => {
    const { value: profile } = validate(parseJson(readFileSync(podman), podman), podman);
    for (const caps of [[], ['CAP_SYS_ADMIN', 'CAP_AUDIT_WRITE']])
      expect(compareAll(select(profile, { ...host, caps: new Set(caps) }))).toBeGreaterThan(600);
  });

  test('random profiles of rules without arguments', () => {
    for (let seed = 0; seed < 12; seed++)
      expect(compareAll(plainDoors(randomProfile(new Random(seed), 0, native)))).toBeGreaterThan(0);
  });

  test('every operator at every boundary', () => {
    const different: unknown[] = [];
    for (const op of ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'] as const)
      for (const value of boundaries) {
        const seccomp: LinuxSeccomp = {
          defaultAction: 'SCMP_ACT_ALLOW',
          syscalls: [
            {
              names: ['read'],
              action: 'SCMP_ACT_TRAP',
              args: [{ index: 2, value, valueTwo: value & 0xff00000028n, op: `SCMP_CMP_${op}` }],
            },
          ],
        };
        const ours = decode(compile(normalize(seccomp, 'x86_64')));
        const theirs = compileWithLibseccomp(seccomp).program;
        for (const a of boundaries) {
          const call = {
            arch: abis.get('x86_64')!.audit,
            nr: table('x86_64').numbers.get('read')!,
            args: [0n, 0n, a],
          };
          const [got, wanted] = [simulate(ours, call).value, simulate(theirs, call).value];
          if (got !== wanted) different.push({ op, value, a, got, wanted });
        }
      }
    expect(different).toEqual([]);
  }, 120_000);

  test('our filter of the default profile is the smaller one', () => {
    const seccomp = select(defaultProfile, { ...host, caps: new Set() });
    const ours = decode(compile(normalize(seccomp, 'x86_64'))).length;
    expect(ours).toBeLessThan(compileWithLibseccomp(seccomp).program.length / 2);
  });
});

/** libseccomp drops a multiplexed call's door where the door itself is named too; such profiles are left out. */
function plainDoors(seccomp: LinuxSeccomp): LinuxSeccomp {
  return without(seccomp, new Set(['socketcall', 'ipc']));
}
