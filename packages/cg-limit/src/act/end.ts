/** `--kill` and `--remove`: the launcher's work, planned here. */

import { Failure, type Host, type Outcome } from '@ctr-tools/cli';
import { dirname } from '@ctr-tools/host';
import { type AnyStep, compile, step } from '@ctr-tools/plan';
import { managerOf } from '../systemd/choose.ts';
import { stopUnitStep } from '../systemd/stop.ts';
import { View } from '../view.ts';
import { changeable, type Place, type Target, unitOf } from './target.ts';
import { busyIn, refuseFromInside, treeOf } from './within.ts';

const side = 'host';
const REMOVE_MS = 2000;

export const planOf = (steps: readonly AnyStep[]): Outcome =>
  compile([[...steps, step('supervise', 'exit', { code: 0 }, 'end', { side })]], {
    tool: 'cg-limit',
    exit: 125,
  });

/** Kill all of a tree that `self`, the caller, is not in. The group that can stop forks meanwhile goes first: cgroup.kill, the freezer, pids.max. */
export function killSteps(target: Target, self: number): AnyStep[] {
  const places = changeable(target);
  refuseFromInside(places, self, `kill ${target.name}`, 'kill itself');
  const rank = (p: (typeof places)[number]): number =>
    p.controllers.includes('freezer') ? 0 : p.version === 2 ? 1 : p.controllers.includes('pids') ? 2 : 3;
  return places
    .toSorted((a, b) => rank(a) - rank(b))
    .map(({ directory }) =>
      step('state', 'cgroup_kill', { path: directory }, `kill every process in ${directory}`, {
        side,
        hints: {
          EPERM: 'they are not ours to kill; run as root',
          EACCES: 'they are not ours to kill; run as root',
        },
      }),
    );
}

/**
 * Remove empty groups, and those below; a unit's, once systemd has stopped it, which would keep it for running else.
 * With `up` what runs there goes to the group above first, with its limits from then on.
 */
export function removeSteps(target: Target, host: Host, up: boolean): AnyStep[] {
  const places = changeable(target);
  // Of all hierarchies before the first group goes, so that none is left without the others.
  const busy = busyIn(places);
  const unit = unitOf(places);
  if (busy && up && unit !== undefined)
    throw new Failure(
      `remove ${target.name}: it is ${unit}, whose processes systemd would end; --to-parent is for groups that systemd does not manage`,
    );
  if (busy && !up) {
    const below = places.some((p) => p.directory === busy.directory) ? '' : ` (${busy.directory})`;
    throw new Failure(
      `remove ${target.name}: ${busy.processes} process${busy.processes === 1 ? ' is' : 'es are'} in it${below}; --kill ends them, --to-parent moves them to the group above, or wait for their end`,
    );
  }
  const view = new View();
  const kept = places.find(({ directory }) => !view.writable(dirname(directory)));
  if (kept)
    throw new Failure(
      `remove ${target.name}: ${kept.directory} is not ours to remove; run as root; nothing was removed`,
    );
  return [
    ...(up ? places.flatMap((place) => upSteps(place)) : []),
    ...(unit === undefined ? [] : [stopUnitStep({ name: unit, socket: managerOf(host).socket })]),
    ...places.map(({ directory }) =>
      step(
        'state',
        'cgroup_remove',
        { path: directory, timeout: REMOVE_MS },
        `remove the cgroup ${directory}`,
        {
          side,
          hints: {
            EBUSY: '--kill ends its processes',
            EACCES: 'it is not ours to remove; run as root',
            EPERM: 'it is not ours to remove; run as root',
          },
        },
      ),
    ),
  ];
}

/** Processes of a group and of those below, into the group above it; what has them by then are the limits there. */
function upSteps({ directory }: Place): AnyStep[] {
  const above = dirname(directory);
  const hints = {
    EBUSY:
      'the group above has limited groups, so it may have no processes of its own (cgroups(7), no internal processes)',
    EOPNOTSUPP: 'the group above is threaded',
    EACCES:
      'moving a process needs the right to write the group that holds both places (cgroups(7), Delegation)',
  };
  return treeOf(directory)
    .toReversed()
    .map((group) =>
      step(
        'state',
        'cgroup_vacate',
        { path: group, leaf: above },
        `move the processes of ${group} to ${above}`,
        {
          side,
          hints,
        },
      ),
    );
}
