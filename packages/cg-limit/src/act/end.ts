/** `--kill` and `--remove`: the launcher's work, planned here. */
import { Failure, type Host, type Outcome } from '@ctr-tools/cli';
import { type AnyStep, compile, step } from '@ctr-tools/plan';
import { managerOf } from '../systemd/choose.ts';
import { processesOf } from './inspect.ts';
import { changeable, type Target, unitOf } from './target.ts';

const side = 'host';
const REMOVE_MS = 2000;

const planOf = (steps: readonly AnyStep[]): Outcome =>
  compile([[...steps, step('supervise', 'exit', { code: 0 }, 'end', { side })]], {
    tool: 'cg-limit',
    exit: 125,
  });

/** Kill all of a tree. The group that can stop forks meanwhile goes first: cgroup.kill, the freezer, pids.max. */
export function kill(target: Target, self: number): Outcome {
  if (processesOf(target).has(self))
    throw new Failure(`${target.name} holds this very process; call it from outside the group`);
  const places = changeable(target);
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
export async function remove(target: Target, host: Host): Promise<Outcome> {
  const places = changeable(target);
  const busy = processesOf(target).size;
  if (busy > 0)
    throw new Failure(
      `remove ${target.name}: ${busy} process${busy === 1 ? ' is' : 'es are'} in it; --kill ends them, or wait for their end`,
    );
  const unit = unitOf(places);
  if (unit !== undefined) {
    const { stopUnit } = await import('../systemd/answer.ts');
    await stopUnit({ socket: managerOf(host).socket, name: unit });
  }
  return planOf(
    places.map(({ directory }) =>
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
  );
}
