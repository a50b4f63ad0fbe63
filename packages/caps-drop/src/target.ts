/**
 * Declared sets: what the options make of the sets that are there. The order of the words
 * on the command line has no meaning.
 */
import { UsageError } from '@ctr-tools/cli';
import { applyChange, type Change, shortNames } from './capability-list.ts';
import { type SetName, type Sets, setNames } from './privileges.ts';

export interface CapabilityOptions {
  /** `--all` (none left), `--only`, `--docker`: what there is to begin with, instead of what the process has. */
  only?: bigint;
  drop: bigint;
  add: bigint;
  /** Changes to single sets, which have the last word. */
  sets: Partial<Record<SetName, Change>>;
}

/** Whether anything is said about capabilities at all. */
export const mentionsCapabilities = ({ only, drop, add, sets }: CapabilityOptions): boolean =>
  only !== undefined || drop !== 0n || add !== 0n || Object.keys(sets).length > 0;

/**
 * The five sets that `options` make of `base`. Inheritable and ambient only ever shrink
 * unless they are named themselves (CVE-2022-29162 was a runtime that filled the one
 * unasked). Throws `UsageError` for sets that the kernel cannot hold together.
 */
export function targetSets(base: Sets, options: CapabilityOptions): Sets {
  const { only, drop, add, sets } = options;
  const general = (name: SetName): bigint => {
    if (name === 'inheritable' || name === 'ambient') return base[name] & (only ?? ~0n) & ~drop;
    return ((only ?? base[name]) & ~drop) | add;
  };
  const target = Object.fromEntries(
    setNames.map((name) => [name, applyChange(general(name), sets[name])]),
  ) as Sets;
  imply(target, sets);
  narrow(target, sets);
  check(target);
  return target;
}

/** Who asks for an ambient or inheritable capability asks for it in the sets that it needs to lie in. */
function imply(target: Sets, sets: CapabilityOptions['sets']): void {
  const asked = (name: SetName): bigint => (sets[name] ? target[name] : 0n);
  const widen = (name: SetName, mask: bigint): void => {
    if (!sets[name]) target[name] |= mask;
  };
  widen('inheritable', asked('ambient'));
  widen('permitted', asked('ambient') | asked('effective'));
  widen('effective', asked('ambient'));
  widen('bounding', asked('ambient') | asked('inheritable'));
}

/** Sets that nobody named follow those they must lie in. */
function narrow(target: Sets, sets: CapabilityOptions['sets']): void {
  if (!sets.effective) target.effective &= target.permitted;
  if (!sets.ambient) target.ambient &= target.permitted & target.inheritable;
}

/** capset(2) and PR_CAP_AMBIENT would answer EPERM. */
function check(target: Sets): void {
  const within = (inner: SetName, outer: SetName): void => {
    const outside = target[inner] & ~target[outer];
    if (outside)
      throw new UsageError(
        `${shortNames(outside)} cannot be in the ${inner} set without being in the ${outer} set`,
      );
  };
  within('effective', 'permitted');
  within('ambient', 'permitted');
  within('ambient', 'inheritable');
}
