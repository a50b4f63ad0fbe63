/** `--kill` and `--remove`: the launcher's work, planned here. */

import { Failure, type Host, type Outcome } from '@ctr-tools/cli';
import { dirname } from '@ctr-tools/host';
import { type AnyStep, compile, slot, step } from '@ctr-tools/plan';
import { managerOf } from '../systemd/choose.ts';
import { View } from '../view.ts';
import { changeable, type Target, unitOf } from './target.ts';
import { busyIn, refuseFromInside } from './within.ts';

const side = 'host';
const REMOVE_MS = 2000;

export const planOf = (steps: readonly AnyStep[]): Outcome =>
  compile([[...steps, step('supervise', 'exit', { code: 0 }, 'end', { side })]], {
    tool: 'cg-limit',
    exit: 125,
  });

/** Kill all of a tree that `self`, the caller, is not in. The group that can stop forks meanwhile goes first: cgroup.kill, the freezer, pids.max. */
export function kill(target: Target, self: number): Outcome {
  const places = changeable(target);
  refuseFromInside(places, self, `kill ${target.name}`, 'kill itself');
  const rank = (p: (typeof places)[number]): number =>
    p.controllers.includes('freezer') ? 0 : p.version === 2 ? 1 : p.controllers.includes('pids') ? 2 : 3;
  return planOf(
    places
      .toSorted((a, b) => rank(a) - rank(b))
      .map(({ directory }) =>
        step('state', 'cgroup_kill', { path: directory }, `kill every process in ${directory}`, {
          side,
          hints: {
            EPERM: 'they are not ours to kill; run as root',
            EACCES: 'they are not ours to kill; run as root',
          },
        }),
      ),
  );
}

/** Remove empty groups, and those below; a unit's, once systemd has stopped it, which would keep it for running else. */
export function remove(target: Target, host: Host): Outcome {
  const places = changeable(target);
  // Of all hierarchies before the first group goes, so that none is left without the others.
  const busy = busyIn(places);
  if (busy) {
    const below = places.some((p) => p.directory === busy.directory) ? '' : ` (${busy.directory})`;
    throw new Failure(
      `remove ${target.name}: ${busy.processes} process${busy.processes === 1 ? ' is' : 'es are'} in it${below}; --kill ends them, or wait for their end`,
    );
  }
  const view = new View();
  const kept = places.find(({ directory }) => !view.writable(dirname(directory)));
  if (kept)
    throw new Failure(
      `remove ${target.name}: ${kept.directory} is not ours to remove; run as root; nothing was removed`,
    );
  return planOf([
    ...stopUnit(unitOf(places), host),
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
  ]);
}

function stopUnit(name: string | undefined, host: Host): AnyStep[] {
  if (name === undefined) return [];
  const { socket } = managerOf(host);
  const payload = JSON.stringify({ socket, name });
  const args = { topic: 'cg-limit/stop', payload, reply: slot('stopped'), socket };
  return [step('state', 'ask', args, `have systemd end the unit ${name}`, { side })];
}
