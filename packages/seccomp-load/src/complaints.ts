import { err, Failure } from '@ctr-tools/cli';
import type { Warning } from '@ctr-tools/oci';
import { isCallAnywhere } from './abi.ts';
import { describeReturn, permits } from './actions.ts';
import type { Profile } from './profile/types.ts';
import { headers } from './tables/version.ts';

export interface Complaints {
  /** What would weaken the filter if it were passed over. */
  errors: string[];
  /** What has no effect. */
  warnings: string[];
}

const unknownCall = (name: string): string => `no kernel up to ${headers} has the call ${name}`;

/** Whether a rule with this action refuses what the profile permits without it. */
const weakens = ({ defaultAction }: Profile, action: number): boolean =>
  permits(defaultAction) && !permits(action);

/** Calls that a profile is to refuse, and that no kernel has: they would be allowed. */
export const misspelt = (profile: Profile): string[] =>
  profile.rules
    .filter(({ action }) => weakens(profile, action))
    .flatMap(({ names, action, at }) =>
      names
        .filter((name) => !isCallAnywhere(name))
        .map(
          (name) =>
            `${at}: ${unknownCall(name)}; it is to be refused (${describeReturn(action)}), but would be allowed`,
        ),
    );

/**
 * What is wrong with a profile though it can be compiled. A name that no kernel has is passed
 * over, as every runtime does (config-linux.md leaves it open); but where the rule refuses
 * something that the default permits, the call would be allowed: that is an error.
 */
export function complaints(profile: Profile): Complaints {
  const warnings: string[] = [];
  const always = new Map<string, string>();
  for (const { names, action, at, idle, args } of profile.rules) {
    for (const name of names) {
      if (!isCallAnywhere(name) && !weakens(profile, action)) warnings.push(`${at}: ${unknownCall(name)}`);
      if (idle) continue;
      const earlier = always.get(name);
      if (earlier !== undefined && !(args.length === 0 && earlier === at))
        warnings.push(`${at} has no effect on ${name}: ${earlier} decides all its calls`);
      else if (args.length === 0) always.set(name, at);
    }
  }
  return { errors: misspelt(profile), warnings };
}

/** The warnings of a document's check that are told unasked. */
export const texts = (warnings: readonly Warning[]): string[] =>
  warnings.filter((w) => w.told).map((w) => `${w.path}: ${w.message}`);

/**
 * Say what is wrong with a profile called `name`: what its reader found, and what `complaints` finds. On every
 * way that a profile goes (load, write, ask) it is the same. Throws a `Failure` for what would weaken the
 * filter, and if `strict` for everything.
 */
export function complain(
  name: string,
  { warnings: read }: { warnings: readonly string[] },
  profile: Profile | undefined,
  { strict }: { strict: boolean },
): void {
  const { errors, warnings } = profile ? complaints(profile) : { errors: [], warnings: [] };
  const all = [...read, ...warnings];
  const [fatal] = strict ? [...errors, ...all] : errors;
  if (fatal !== undefined) throw new Failure(`${name}: ${fatal}`);
  for (const warning of all) err(`seccomp-load: warning: ${name}: ${warning}\n`);
}
