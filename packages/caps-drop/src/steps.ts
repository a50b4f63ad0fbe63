import { Failure } from '@ctr-tools/cli';
import type { Process, Spec, User } from '@ctr-tools/oci';
import { type AnyStep, step } from '@ctr-tools/plan';
import { capabilityName } from '@ctr-tools/sys/constants';
import { fullMask, shortNames, summary } from './capability-list.ts';
import {
  boundingStep,
  gidStep,
  groupsStep,
  keepCapsStep,
  noNewPrivsStep,
  securebitsStep,
  setSteps,
  uidStep,
} from './credential-steps.ts';
import { filterLoading } from './filter-loading.ts';
import type { CapsFacts } from './gather.ts';
import { grantable, wantedSets } from './grant.ts';
import type { Sets } from './privileges.ts';
import { securebitNames, securebits } from './securebits.ts';
import { checkMapped, containerGroupsStep } from './user-namespace.ts';

/**
 * Pure: the kernel operations for the user, the capabilities and no_new_privs of a spec.
 * Throws a `Failure` for what the process cannot have.
 */
export function capsSteps(spec: Spec, facts: CapsFacts): AnyStep[] {
  return facts.mode === 'oci' ? containerSteps(spec, facts) : linkSteps(spec.process, facts);
}

/**
 * A container's process: exactly what the spec says, whoever starts it. The order is that
 * of capabilities(7): the bounding set while CAP_SETPCAP is there; groups, gid and uid with
 * the permitted set kept over the last; then the final sets.
 */
function containerSteps(spec: Spec, facts: CapsFacts): AnyStep[] {
  const { process } = spec;
  const { uid = 0, gid = 0, additionalGids = [] } = process?.user ?? {};
  checkMapped(spec, uid, gid, additionalGids);
  const { sets } = grantable(spec, facts);
  const loading = filterLoading(spec, sets, facts);
  return [
    boundingStep(sets.bounding),
    ...(uid === 0 ? [] : [keepCapsStep()]),
    ...containerGroupsStep(spec, additionalGids, facts),
    gidStep(gid),
    uidStep(uid),
    ...setSteps(loading?.until ?? sets, true),
    ...(process?.noNewPrivileges ? [noNewPrivsStep()] : []),
    ...(loading?.steps ?? []),
  ];
}

/** The command of a chain: only what an option asked for, and of that only what differs. */
function linkSteps(process: Process | undefined, facts: CapsFacts): AnyStep[] {
  if (!process) return [];
  const { current } = facts;
  const steps: AnyStep[] = [];
  const sets = process.capabilities && checkHeld(wantedSets(process.capabilities).sets, facts, process);
  if (sets && sets.bounding !== current.bounding && mayCutBounding(facts))
    steps.push(boundingStep(sets.bounding));
  const ids = process.user ? identitySteps(process.user, facts) : [];
  const keep = sets !== undefined && sets.permitted !== 0n && losesCapabilities(process.user, facts);
  steps.push(...privilegeBitSteps(keep, facts), ...ids);
  if (sets) steps.push(...setSteps(sets, sets.ambient !== 0n || current.ambient !== 0n));
  if (facts.environment)
    steps.push(step('environment', 'environ', { env: facts.environment }, "set the user's own environment"));
  if (process.noNewPrivileges) steps.push(noNewPrivsStep());
  if (process.noNewPrivileges === false && current.noNewPrivs)
    throw new Failure(
      'allow new privileges: no_new_privs is set already, and nothing can take it back (prctl(2))',
    );
  return steps;
}

/** capabilities(7), "Effect of user ID changes on capabilities": from some ID 0 to none. */
function losesCapabilities(user: User | undefined, { current, securebits: bits = 0 }: CapsFacts): boolean {
  const keptAnyway = (bits & securebits.no_setuid_fixup) !== 0;
  return user !== undefined && user.uid !== 0 && current.uids.slice(0, 3).includes(0) && !keptAnyway;
}

/** What is asked for has to be there already: the kernel lets nothing be added. */
function checkHeld(sets: Sets, { current, last }: CapsFacts, process: Process): Sets {
  const unknown = (sets.permitted | sets.effective | sets.bounding) & ~fullMask(last);
  if (unknown)
    throw new Failure(
      `keep ${shortNames(unknown)}: this kernel has no such capability; its last one is ${capabilityName(last)}, number ${last}`,
    );
  const lacking = (sets.permitted | sets.effective) & ~current.permitted;
  if (lacking)
    throw new Failure(
      `keep ${shortNames(lacking)}: the caller does not have it; only what a process has can be kept (caps-drop --show)`,
    );
  const unbounded = sets.bounding & ~current.bounding;
  if (unbounded)
    throw new Failure(
      `keep ${shortNames(unbounded)} in the bounding set: it is not there, and nothing brings it back`,
    );
  const setpcap = 1n << 8n;
  const cut = current.bounding & ~sets.bounding;
  if (cut && !(current.effective & setpcap) && !process.noNewPrivileges && !current.noNewPrivs)
    throw new Failure(
      'add --no-new-privs, with which no exec grants anything anyway: to drop from the bounding set takes ' +
        `CAP_SETPCAP, and this would drop ${summary(cut, last)}`,
    );
  return sets;
}

/** Without CAP_SETPCAP the set stays, which `checkHeld` allowed because no_new_privs makes it moot. */
const mayCutBounding = ({ current }: CapsFacts): boolean => (current.effective & (1n << 8n)) !== 0n;

/** securebits first, while CAP_SETPCAP is effective; they hold keep_caps too where that is going to be locked. */
function privilegeBitSteps(keep: boolean, { securebits: bits }: CapsFacts): AnyStep[] {
  if (bits === undefined) return keep ? [keepCapsStep()] : [];
  const all = keep ? bits | securebits.keep_caps : bits;
  const names = securebitNames(bits).join(',') || 'none';
  return [securebitsStep(all, names)];
}

function identitySteps(user: User, { current }: CapsFacts): AnyStep[] {
  const steps: AnyStep[] = [];
  if (user.additionalGids) steps.push(groupsStep(user.additionalGids));
  if (current.gids.some((gid) => gid !== user.gid)) steps.push(gidStep(user.gid));
  if (current.uids.some((uid) => uid !== user.uid)) steps.push(uidStep(user.uid));
  return steps;
}
