import type {
  LinuxSeccomp,
  SeccompAction,
  SeccompArch,
  SeccompOperator,
  SeccompSyscall,
} from '@ctr-tools/oci';
import { type AbiName, abis, table } from '../src/abi.ts';

/** A small generator of its own, so that a failing case can be had again by its seed (mulberry32). */
export class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed;
  }
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }
  below(n: number): number {
    return this.next() % n;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

/** Numbers around which comparisons of halves of 64 bits go wrong. */
export const boundaries = [
  0n,
  1n,
  2n,
  3n,
  0x28n,
  0x7fffffffn,
  0x80000000n,
  0xfffffffen,
  0xffffffffn,
  0x1_0000_0000n,
  0x1_0000_0001n,
  0x1_0000_0028n,
  0x1_ffff_ffffn,
  0x2_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_0000_0000n,
  0xffff_ffff_7fff_ffffn,
  0xffff_ffff_8000_0000n,
  0xffff_ffff_ffff_fffen,
  0xffff_ffff_ffff_ffffn,
];

export function argument(r: Random): bigint {
  if (r.below(4) > 0) return r.pick(boundaries);
  return r.below(2) ? BigInt(r.below(64)) : (BigInt(r.next()) << 32n) | BigInt(r.next());
}

const operators = ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'].map(
  (o) => `SCMP_CMP_${o}` as SeccompOperator,
);
const actions = ['ALLOW', 'ERRNO', 'KILL_PROCESS', 'KILL_THREAD', 'TRAP', 'LOG', 'TRACE'].map(
  (a) => `SCMP_ACT_${a}` as SeccompAction,
);

/** A profile of any shape; `conditional` is how many rules of ten have arguments. */
export function profile(
  r: Random,
  conditional = 5,
  archs: readonly AbiName[] = [...abis.keys()],
): LinuxSeccomp {
  const names = archs.flatMap((abi) => [...table(abi).numbers.keys()]);
  const few = Array.from({ length: 1 + r.below(12) }, () => r.pick(names));
  const rule = (): SeccompSyscall => {
    const action = r.pick(actions);
    const errno = action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE';
    return {
      names: r.below(3) ? [r.pick(few)] : Array.from({ length: 1 + r.below(25) }, () => r.pick(names)),
      action,
      ...(errno && r.below(2) && { errnoRet: r.below(100) }),
      ...(r.below(10) < conditional && {
        args: Array.from({ length: 1 + r.below(3) }, () => ({
          index: r.below(3),
          value: argument(r),
          valueTwo: argument(r),
          op: r.pick(operators),
        })),
      }),
    };
  };
  const defaultAction = r.pick(
    ['ERRNO', 'ERRNO', 'ALLOW', 'KILL_PROCESS', 'LOG'].map((a) => `SCMP_ACT_${a}` as SeccompAction),
  );
  return {
    defaultAction,
    ...(defaultAction === 'SCMP_ACT_ERRNO' && r.below(3) === 0 && { defaultErrnoRet: r.pick([1, 38, 95]) }),
    architectures: archs.filter(() => r.below(2)).map((a) => abis.get(a)!.scmp as SeccompArch),
    syscalls: Array.from({ length: r.below(20) }, rule),
  };
}
