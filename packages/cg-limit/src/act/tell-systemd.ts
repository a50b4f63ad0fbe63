/** The half of `--update` that systemd has to know of. */
import { Failure, type Host } from '@ctr-tools/cli';
import { ACCESS, isAccessible } from '@ctr-tools/host';
import { type AnyStep, slot, step } from '@ctr-tools/plan';
import { controllers } from '../controllers/index.ts';
import { managerOf } from '../systemd/choose.ts';
import { OOM_POLICY, type Property } from '../systemd/property.ts';
import { View } from '../view.ts';
import { type Change, changeSteps, changingNothing } from './change.ts';
import type { Place } from './target.ts';

/** What systemd is to be told, and the files that have it exactly. */
export interface Told {
  unit: string;
  properties: readonly Property[];
  limits: readonly Change[];
  /** Something was done before that stays though systemd refuses: a program that limits devices. */
  stays: boolean;
}

/**
 * systemd writes its own idea of a unit's limits again when it reloads, so it is told the new ones. It rounds
 * a quota to whole percents, and writes a quota anew for a weight too; so the files then get what was asked, and
 * what stood and was not asked to change.
 */
export function tellSystemd(places: readonly Place[], told: Told, host: Host): AnyStep[] {
  const { unit, limits, stays } = told;
  const properties = told.properties.filter(([name]) => name !== OOM_POLICY);
  if (properties.length === 0) return [];
  const { socket } = managerOf(host);
  const payload = JSON.stringify({ socket, name: unit, properties });
  const args = { topic: 'cg-limit/properties', payload, reply: slot('told'), socket };
  const tell = step('cgroup', 'ask', args, `have systemd take the limits for ${unit}`, { side: 'host' });
  const asked = new Set(limits.map(({ path }) => path));
  const stood = standing(places).filter(({ path }) => !asked.has(path));
  return [
    changingNothing(tell, stays ? 'all but those of devices were put back' : 'nothing was changed'),
    ...changeSteps([...stood, ...limits]),
  ];
}

const rewritten = controllers.flatMap((one) => one.rewritten ?? []);

/** Limits that systemd may write for another's sake, as far as they are ours to write. */
function standing(places: readonly Place[]): Change[] {
  return places.flatMap(({ directory }) =>
    rewritten.flatMap((file) => {
      const path = `${directory}/${file}`;
      const value = isAccessible(path, ACCESS.WRITE) ? new View().read(path) : undefined;
      return value === undefined ? [] : [{ path, value, doing: `leave ${path} as it was` }];
    }),
  );
}

/** A unit of a user's own systemd, which takes its limits from that user alone. */
export function refuseForeign(unit: string, places: readonly Place[], host: Host): void {
  const [, uid] = /\/user@(\d+)\.service\//.exec(places[0]?.directory ?? '') ?? [];
  if (uid !== undefined && !managerOf(host).user)
    throw new Failure(
      `change the limits of ${unit}: it belongs to the systemd of user ${uid}, which takes them from that user alone and would undo ours; run this as they (systemd-run --user --machine=${uid}@.host --pipe)`,
    );
}
