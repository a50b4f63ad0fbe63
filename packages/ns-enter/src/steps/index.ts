/** From a spec's section to kernel operations, for a person's command and for a container alike. */
import { Failure } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { type AnyStep, step } from '@ctr-tools/plan';
import type { Facts } from '../facts.ts';
import { sysctlSteps } from '../sysctl.ts';
import { type Arrangement, arrange } from './arrange.ts';
import { cgroupSteps, credentialSteps, environmentSteps, labelSteps } from './command.ts';
import { checkTime, cloneSteps, unshareSteps } from './create.ts';
import { joinFirstStep, joinSteps, openSteps } from './join.ts';
import { networkSteps } from './network.ts';
import { parentSteps } from './parent.ts';
import { directorySteps, mountSteps, openDirectories } from './root.ts';
import { becomeRootSteps, checkUser, heldUserSteps, mappedChildSteps, ownUserSteps } from './user.ts';

export function steps(spec: Spec, facts: Facts): AnyStep[] {
  const arrangement = arrange(spec, facts);
  checkUser(spec, facts, arrangement.newUser);
  checkTime(spec, arrangement);
  const named = (spec.linux?.namespaces ?? []).flatMap(({ type, path }) =>
    path ? [{ kind: type, path }] : [],
  );
  return [
    ...openSteps(arrangement, named, facts),
    ...(arrangement.held ? heldUserSteps(spec, facts) : []),
    ...joinFirstStep(arrangement, facts),
    ...cloneSteps(arrangement, facts),
    ...joinSteps(arrangement, facts),
    ...userSteps(spec, arrangement, facts),
    ...unshareSteps(spec, arrangement, facts),
    ...networkSteps(spec, arrangement, facts),
    ...identitySteps(spec, arrangement),
    ...sysctlSteps(spec, arrangement.has),
    ...personSteps(arrangement, facts),
  ];
}

function userSteps(spec: Spec, arrangement: Arrangement, facts: Facts): AnyStep[] {
  const joined = arrangement.joins.some((join) => join.kind === 'user');
  if (!arrangement.newUser) {
    if (!joined || facts.options) return [];
    // A container's process becomes root of the user namespace that it joins, as runc's does.
    return [
      step('user', 'setgroups', { gids: [] }, 'drop the groups of outside', { unless: ['EPERM'] }),
      step('user', 'setgid', { gid: 0 }, 'become group 0 of the user namespace', { unless: ['EINVAL'] }),
      step('user', 'setuid', { uid: 0 }, 'become root of the user namespace', { unless: ['EINVAL'] }),
    ];
  }
  const made = arrangement.held
    ? []
    : arrangement.child
      ? mappedChildSteps(spec, facts)
      : ownUserSteps(spec, facts);
  return [...made, ...becomeRootSteps(spec, facts)];
}

function identitySteps(spec: Spec, arrangement: Arrangement): AnyStep[] {
  const found: AnyStep[] = [];
  for (const op of ['hostname', 'domainname'] as const) {
    const name = spec[op];
    if (name === undefined || name === '') continue;
    if (!arrangement.has('uts'))
      throw new Failure(
        `${op} is "${name}", but without a UTS namespace it would change the host's; add one (--new uts)`,
      );
    found.push(
      step('identity', op, { name }, `set the ${op} to ${name}`, {
        hints: {
          EPERM: 'it takes CAP_SYS_ADMIN over the UTS namespace',
          EINVAL: 'it is longer than 64 bytes',
        },
      }),
    );
  }
  return found;
}

/** What only a person's command has; a container's process, root and user are other packages'. */
function personSteps(arrangement: Arrangement, facts: Facts): AnyStep[] {
  const o = facts.options;
  if (!o) return [];
  return [
    ...openDirectories(o, arrangement, facts),
    ...cgroupSteps(facts),
    ...mountSteps(o, arrangement, facts),
    ...labelSteps(facts),
    ...credentialSteps(o, arrangement, facts),
    ...directorySteps(o),
    ...environmentSteps(o, arrangement, facts),
    ...parentSteps(o, arrangement, facts),
  ];
}
