/**
 * Into a unit of a user's own systemd from outside: whoever moves a process needs to write the group that holds both places
 * (cgroups(7), Delegation), which for a login's scope and a unit of the user's manager is root's. The manager may ask
 * the system's for it, and does so for its user.
 */
import { ACCESS, dirname, isAccessible, relative } from '@ctr-tools/host';
import { type AnyStep, jsonTemplate, peer, points, slot, step } from '@ctr-tools/plan';

const phase = 'cgroup-join';

/** Whether this process may move processes from its own group of v2 into another of the same mount; paths of directories. */
export function mayMove(from: string, to: string): boolean {
  let common = from;
  while (to !== common && !to.startsWith(`${common}/`) && common !== '/') common = dirname(common);
  return [common, to].every((group) => isAccessible(`${group}/cgroup.procs`, ACCESS.WRITE));
}

/** Have systemd move the process that was cloned into the group `directory`, which is that of the unit, `own`, or lies below. */
export function attachSteps(
  unit: { name: string; socket: string },
  own: string,
  directory: string,
): AnyStep[] {
  const below = relative(own, directory);
  const request = { ...unit, group: below === '' ? '' : `/${below}`, pid: slot('child.pid') };
  return [
    step(
      phase,
      'ask',
      {
        topic: 'cg-limit/attach',
        payload: jsonTemplate(request),
        reply: slot('attached'),
        socket: unit.socket,
      },
      `have systemd move the process into ${unit.name}`,
      { side: 'host' },
    ),
    step(phase, 'notify', { process: peer, point: points.grouped }, 'say that the process is in its group', {
      side: 'host',
    }),
    step(phase, 'await', { process: peer, point: points.grouped }, 'wait to be in the group'),
  ];
}
