/** A person's command: who it is, what it may, which variables, cgroup and label it has. */
import { type AnyStep, slot, step } from '@ctr-tools/plan';
import { O } from '@ctr-tools/sys/constants';
import type { Facts } from '../facts.ts';
import type { IdOption, Options } from '../options.ts';
import type { Arrangement } from './arrange.ts';

/** --setuid, --setgid; where a user namespace is joined both are 0 by default (nsenter(1)). */
export function credentialSteps(o: Options, arrangement: Arrangement, facts: Facts): AnyStep[] {
  const joinedUser = arrangement.joins.some((join) => join.kind === 'user') && !arrangement.held;
  const id = (given: IdOption | undefined, target: number | undefined): number | undefined => {
    if (given === 'follow') return target;
    if (given !== undefined) return given;
    return joinedUser && !o.preserveCredentials ? 0 : undefined;
  };
  const uid = id(o.setuid, facts.target?.uid);
  const gid = id(o.setgid, facts.target?.gid);
  const hints = {
    EPERM: 'it takes CAP_SETUID and CAP_SETGID',
    EINVAL: 'that ID is not mapped in the user namespace',
  };
  const steps: AnyStep[] = [];
  if (o.keepCaps && uid !== undefined)
    steps.push(step('credentials', 'keep_caps', { on: 1 }, 'keep capabilities over the change of user'));
  if (gid !== undefined)
    steps.push(
      step('credentials', 'setgroups', { gids: [] }, 'drop supplementary groups', {
        ...(joinedUser || arrangement.newUser ? { unless: ['EPERM'] } : { hints }),
      }),
      step('credentials', 'setgid', { gid }, `become group ${gid}`, { hints }),
    );
  if (uid !== undefined) steps.push(step('credentials', 'setuid', { uid }, `become user ${uid}`, { hints }));
  if (o.keepCaps) steps.push(...keepCapabilities(arrangement, facts));
  return steps;
}

/** Into the ambient set, from where they survive execve(2) of any user (capabilities(7)). */
function keepCapabilities(arrangement: Arrangement, facts: Facts): AnyStep[] {
  // Who enters a user namespace has them all (user_namespaces(7), "Capabilities").
  const all = (1n << BigInt(facts.lastCapability + 1)) - 1n;
  const mask =
    arrangement.newUser || arrangement.joins.some((join) => join.kind === 'user')
      ? all
      : facts.caller.permitted;
  return [
    step(
      'capabilities',
      'capset',
      { effective: mask, permitted: mask, inheritable: mask },
      'make capabilities inheritable',
    ),
    step('capabilities', 'ambient', { caps: mask }, 'keep capabilities'),
  ];
}

/** Joined by the process itself, through files opened while it still sees them: the kernel minds who opened. */
export function cgroupSteps(facts: Facts): AnyStep[] {
  return (facts.target?.cgroups ?? []).flatMap((path, i) => {
    const fd = slot(`cgroup.${i}`);
    return [
      step('descriptors', 'open', { path, flags: O.WRONLY | O.CLOEXEC, fd }, `open ${path}`, {
        side: 'host',
        hints: {
          EACCES: 'the group belongs to another; only root joins it',
          ENOENT: 'the group has gone, or is not visible here',
        },
      }),
      step('cgroup-join', 'write_fd', { fd, data: '0' }, `join the cgroup of ${path}`, {
        hints: {
          EACCES: 'moving takes the right to write to the common ancestor of both groups',
          EBUSY: 'the group has controllers enabled for its children and takes no processes',
        },
      }),
    ];
  });
}

export function environmentSteps(o: Options, arrangement: Arrangement, facts: Facts): AnyStep[] {
  const steps: AnyStep[] = [];
  if (o.clearEnv) steps.push(step('environment', 'environ', { env: [] }, 'clear the environment'));
  if (facts.target?.environ)
    steps.push(
      step('environment', 'environ', { env: facts.target.environ }, "take the target's environment"),
    );
  const moved = o.root !== undefined || arrangement.joins.some((join) => join.kind === 'mount');
  if (moved && facts.caller.rootfsVariable && steps.length === 0)
    steps.push(step('environment', 'unsetenv', { name: 'CTR_ROOTFS' }, 'drop CTR_ROOTFS'));
  return steps;
}

export const labelSteps = (facts: Facts): AnyStep[] =>
  facts.target?.context === undefined
    ? []
    : [
        step(
          'label',
          'lsm_attr',
          { attr: 'exec', value: facts.target.context },
          `take the context ${facts.target.context}`,
          { hints: { EACCES: 'the policy does not allow it', EINVAL: 'the policy has no such context' } },
        ),
      ];
