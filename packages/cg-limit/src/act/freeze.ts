/** `--freeze` and `--thaw`: the launcher's work, planned here. */
import { Failure } from '@ctr-tools/cli';
import { type AnyStep, step } from '@ctr-tools/plan';
import { changeable, type Target } from './target.ts';
import { refuseFromInside } from './within.ts';

/** How long stopping may take: a process in an uninterruptible wait stops only after it. */
const PATIENCE_MS = 10_000;

const notOurs = 'it is not ours to stop; run as root';

/**
 * Stop or release all processes of a group and below, until the kernel says that it is so. `self` is the
 * caller, who cannot be among those that are stopped.
 */
export function freezeSteps(target: Target, on: boolean, self: number): AnyStep[] {
  const places = changeable(target);
  const place = places.find((p) => p.controllers.includes('freezer')) ?? places.find((p) => p.version === 2);
  if (!place) throw new Failure(`${target.name} is in no hierarchy with a freezer`);
  const verb = on ? 'freeze' : 'thaw';
  if (on) refuseFromInside([place], self, `freeze ${target.name}`, 'stop itself and wait for ever');
  const args = { path: place.directory, on, timeout: PATIENCE_MS };
  const hints = { EACCES: notOurs, EPERM: notOurs };
  return [step('state', 'cgroup_freeze', args, `${verb} ${place.directory}`, { side: 'host', hints })];
}
