import type { LinuxSeccomp, SeccompArg } from '@ctr-tools/oci';
import { type AbiName, abiOfScmp } from '../abi.ts';
import { permits, returnValue } from '../actions.ts';
import { ENOSYS } from '../errno.ts';
import type { Comparison, Operator, Profile, Rule } from './types.ts';

const comparison = ({ index, op, value, valueTwo }: SeccompArg): Comparison => ({
  index,
  op: op.slice('SCMP_CMP_'.length) as Operator,
  value: BigInt(value),
  two: BigInt(valueTwo ?? 0),
});

/**
 * The meaning of a `linux.seccomp` in this machine's terms, as runc gives it (libcontainer
 * `InitSeccomp` and `matchCall`):
 *
 * - the machine's own ABI always counts, others only if named;
 * - a rule whose action is the default's is passed over whole, so it hides no other rule;
 * - where several comparisons of one rule are of the same argument, each becomes a rule of
 *   its own: they are alternatives. Otherwise all comparisons of a rule must hold.
 */
export function normalize(seccomp: LinuxSeccomp, native: AbiName): Profile {
  // A start warns of a filter and compiles it: the same document, which nobody changes meanwhile.
  const known = made.get(seccomp);
  if (known?.abis[0] === native) return known;
  const profile = meaning(seccomp, native);
  made.set(seccomp, profile);
  return profile;
}

const made = new WeakMap<LinuxSeccomp, Profile>();

function meaning(seccomp: LinuxSeccomp, native: AbiName): Profile {
  const defaultAction = returnValue(seccomp.defaultAction, seccomp.defaultErrnoRet);
  const rules: Rule[] = [];
  for (const [i, { names, action, errnoRet, args }] of (seccomp.syscalls ?? []).entries()) {
    const value = returnValue(action, errnoRet);
    const idle = value === defaultAction;
    const at = `syscalls[${i}]`;
    if (!args?.length) {
      rules.push({ names, action: value, args: [], at, idle });
      continue;
    }
    const comparisons = args.map(comparison);
    const alternatives = new Set(comparisons.map((c) => c.index)).size < comparisons.length;
    if (!alternatives) rules.push({ names, action: value, args: comparisons, at, idle });
    else
      for (const [j, one] of comparisons.entries())
        rules.push({ names, action: value, args: [one], at: `${at}.args[${j}]`, idle });
  }
  const others = (seccomp.architectures ?? []).map(abiOfScmp).filter((a) => a !== undefined);
  return {
    defaultAction,
    enosys: !permits(defaultAction) && seccomp.defaultErrnoRet !== ENOSYS,
    abis: [...new Set([native, ...others])],
    rules,
  };
}
