import { SECCOMP_RET } from '@ctr-tools/sys/constants';
import { ARM_PRIVATE, ARM_PRIVATE_END, abiOfCall, abis, table } from './abi.ts';
import type { Call } from './bpf/simulator.ts';
import { BAD_ABI } from './compiler.ts';
import { decide } from './decide.ts';
import { ENOSYS } from './errno.ts';
import type { Comparison, Profile } from './profile/types.ts';

/** What a profile says of a call, and which of its rules says so. */
export interface Verdict {
  value: number;
  /** `syscalls[3]`, or in words. */
  because: string;
}

const U32 = 0xffffffffn;

function holds(c: Comparison, argument: bigint, wide: boolean): boolean {
  const literal = (n: bigint): bigint => (!wide && n >> 32n === U32 ? n & U32 : n);
  const value = literal(c.value);
  switch (c.op) {
    case 'EQ':
      return argument === value;
    case 'NE':
      return argument !== value;
    case 'LT':
      return argument < value;
    case 'LE':
      return argument <= value;
    case 'GT':
      return argument > value;
    case 'GE':
      return argument >= value;
    case 'MASKED_EQ':
      return (argument & c.value) === (literal(c.two) & c.value);
  }
}

/**
 * The profile read as a person would, rule by rule, with no BPF involved: the measure for the
 * compiler, and the answer to "which rule says so".
 */
export function interpret(profile: Profile, call: Call): Verdict {
  const name = abiOfCall(call.arch, call.nr);
  if (!name || !profile.abis.includes(name))
    return { value: BAD_ABI, because: 'the profile does not name this ABI' };
  const abi = abis.get(name)!;
  const nr = call.nr - abi.base;
  const { always, choices, largest } = decide(profile, name);
  const rule = always[nr];
  if (rule) return { value: rule.action, because: rule.at };
  const args = Array.from({ length: 6 }, (_, i) => BigInt.asUintN(abi.wide ? 64 : 32, call.args[i] ?? 0n));
  for (const choice of choices[nr] ?? [])
    if (choice.when.every((c) => holds(c, args[c.index]!, abi.wide)))
      return { value: choice.action, because: choice.at };
  const isPrivate = name === 'arm' && nr >= ARM_PRIVATE && nr < ARM_PRIVATE_END;
  if (profile.enosys && largest >= 0 && nr > largest && !isPrivate) {
    const known = [...table(name).numbers.values()].includes(nr);
    return {
      value: SECCOMP_RET.ERRNO | ENOSYS,
      because: known ? 'the call is newer than the profile' : 'no kernel known here has such a call',
    };
  }
  return { value: profile.defaultAction, because: 'defaultAction' };
}
