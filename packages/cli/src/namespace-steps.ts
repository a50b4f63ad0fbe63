/** Which namespaces steps make or join. */
import type { AnyStep, Slot } from '@ctr-tools/plan';
import { CLONE } from '@ctr-tools/sys/constants';

export const namespaceOps = new Set<AnyStep['op']>(['setns', 'unshare', 'clone', 'join_first']);

/** The CLONE_NEW* flags of a step; `join_first` has them in pairs with descriptors. */
export function flagsOf(s: AnyStep): bigint {
  if (s.op === 'join_first')
    return (s.args.joins as readonly (Slot | number)[])
      .filter((_, i) => i % 2 === 1)
      .reduce<bigint>((all, flags) => all | BigInt(flags as number), 0n);
  return typeof s.args.flags === 'object' ? 0n : BigInt(s.args.flags as number | bigint);
}

/** Whether the command is counted in another PID namespace after these steps (setns with no kind named is any kind). */
export const changesPids = (steps: readonly AnyStep[]): boolean =>
  steps.some((s) => {
    if (!namespaceOps.has(s.op)) return false;
    const flags = flagsOf(s);
    return (flags & BigInt(CLONE.NEWPID)) !== 0n || (s.op === 'setns' && flags === 0n);
  });
