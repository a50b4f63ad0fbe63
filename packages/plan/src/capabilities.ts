/** Capabilities of a process as steps and execve(2) change them (capabilities(7)). */
import { does } from './effects.ts';
import type { AnyStep, Int } from './step.ts';

/** The five sets as masks, and no_new_privs: what /proc/PID/status says of them. */
export interface Capabilities {
  bounding: bigint;
  permitted: bigint;
  effective: bigint;
  inheritable: bigint;
  ambient: bigint;
  noNewPrivs: boolean;
}

const mask = (value: unknown): bigint => BigInt.asUintN(64, BigInt(value as Exclude<Int, object>));

/** What the process that becomes the command has after steps of its own. */
export function capabilitiesAfter<C extends Capabilities>(start: C, steps: readonly AnyStep[]): C {
  const now = { ...start };
  for (const step of steps) {
    if (step.side !== 'container' || !does(step, 'caps')) continue;
    const { op, args } = step;
    if (op === 'bounding') now.bounding &= mask(args.keep);
    else if (op === 'capset') {
      now.effective = mask(args.effective);
      now.permitted = mask(args.permitted);
      now.inheritable = mask(args.inheritable);
      now.ambient &= now.permitted & now.inheritable;
    } else if (op === 'ambient') now.ambient = mask(args.caps);
    else if (op === 'no_new_privs') now.noNewPrivs = true;
  }
  return now;
}

/** Real and effective user first, as in /proc/PID/status. */
export type WithUsers<C = Capabilities> = C & { uids: readonly number[] };

/**
 * The sets after execve(2) of an ordinary program: no set-user-ID bit and no file capabilities
 * (capabilities(7), "Transformation of capabilities during execve"). `root` is the ID of root in
 * the process's user namespace, as the reader counts; undefined where root is not mapped.
 */
export function capabilitiesAfterExec<C extends Capabilities>(
  start: WithUsers<C>,
  root: number | undefined,
): WithUsers<C> {
  const [real, effective] = start.uids;
  const isRoot = (uid: number | undefined): boolean => uid !== undefined && uid === root;
  const { ambient } = start;
  if (!isRoot(real) && !isRoot(effective)) return { ...start, permitted: ambient, effective: ambient };
  // For root the file counts as having every capability; no_new_privs lets nothing be gained by that
  // (security/commoncap.c, cap_bprm_creds_from_file).
  const gained = start.inheritable | start.bounding;
  const permitted = start.noNewPrivs ? gained & start.permitted : gained;
  return { ...start, permitted, effective: isRoot(effective) ? permitted : ambient };
}

/** Whether execve(2) of an ordinary program leaves the sets as they are, for a process in the reader's user namespace. */
export function surviveExec(now: WithUsers): boolean {
  const then = capabilitiesAfterExec(now, 0);
  return then.permitted === now.permitted && then.effective === now.effective;
}
