/** The half of `--update` that systemd has to know of. */
import { Failure, type Host } from '@ctr-tools/cli';
import { managerOf } from '../systemd/choose.ts';
import { OOM_POLICY, type Property } from '../systemd/properties.ts';
import { View } from '../view.ts';
import { type Change, changeAll } from './change.ts';
import type { Place } from './target.ts';

/** What systemd is to be told, and the files that have it exactly. */
export interface Told {
  unit: string | undefined;
  properties: readonly Property[];
  limits: readonly Change[];
}

/**
 * systemd writes its own idea of a unit's limits again when it reloads, so it is told the new ones. It rounds
 * a quota to whole percents, and writes a quota anew for a weight too; so the files then get what was asked, and
 * what stood and was not asked to change.
 */
export async function tellSystemd(
  places: readonly Place[],
  { unit, properties, limits }: Told,
  host: Host,
  refused = (unit: string): string =>
    `the limits are set, but systemd does not take them for ${unit} and may undo them`,
): Promise<void> {
  const changing = properties.filter(([name]) => name !== OOM_POLICY);
  if (unit === undefined || changing.length === 0) return;
  const { setProperties } = await import('../systemd/answer.ts');
  const { connectTo } = await import('../systemd/connect.ts');
  const stood = standing(places);
  try {
    setProperties({ socket: managerOf(host).socket, name: unit, properties: changing }, connectTo);
  } catch (error) {
    throw new Failure(`${refused(unit)}: ${(error as Error).message}`);
  }
  changeAll([...stood.filter(({ path, value }) => new View().read(path) !== value), ...limits]);
}

/** Limits that systemd may write for another's sake. */
function standing(places: readonly Place[]): Change[] {
  return places.flatMap(({ directory }) =>
    ['cpu.max', 'cpu.cfs_quota_us', 'memory.oom.group'].flatMap((file) => {
      const path = `${directory}/${file}`;
      const value = new View().read(path);
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
