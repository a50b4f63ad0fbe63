/** Who is in a target's groups, the groups below them too. */

import { Failure } from '@ctr-tools/cli';
import { entriesIn, errorCode, join, readText } from '@ctr-tools/host';
import { hierarchiesOf } from '../layout.ts';
import type { Place } from './target.ts';

/**
 * Throw a `Failure` where a process is in one of these groups or below. Its own groups are those of
 * /proc/PID/cgroup (cgroups(7)). `doing` is "freeze /a"; `itself` what would come of it; `help` what to do instead.
 */
export function refuseFromInside(
  places: readonly Place[],
  pid: number,
  doing: string,
  itself: string,
  help = 'call it from outside the group',
): void {
  const own = new Map(hierarchiesOf(pid).map((h) => [h.mountPoint, h.directory]));
  for (const { directory, mountPoint } of places) {
    const group = own.get(mountPoint);
    if (group !== directory && !group?.startsWith(`${directory}/`)) continue;
    throw new Failure(`${doing}: this very process is in ${group}, so it would ${itself}; ${help}`);
  }
}

/** Processes in a group and in those below, and in which group the first was found. */
export interface Busy {
  processes: number;
  directory: string;
}

/** Look through all the trees; undefined where nobody is in them. A process counts once, in however many hierarchies. */
export function busyIn(places: readonly Place[]): Busy | undefined {
  const pids = new Set<string>();
  let first: string | undefined;
  for (const { directory } of places) {
    for (const group of treeOf(directory)) {
      for (const pid of membersOf(group)) {
        first ??= group;
        pids.add(pid);
      }
    }
  }
  return first === undefined ? undefined : { processes: pids.size, directory: first };
}

/** A group and all below it, what is above first. */
export function treeOf(directory: string): string[] {
  try {
    const below = entriesIn(directory).filter((entry) => entry.type === 'directory');
    return [directory, ...below.flatMap(({ name }) => treeOf(join(directory, name)))];
  } catch {
    return []; // removed meanwhile
  }
}

/** PIDs, or "0" for whoever our PID namespace does not show. A threaded group lists only threads (cgroup-v2.rst, Threads). */
function membersOf(group: string): string[] {
  for (const file of ['cgroup.procs', 'cgroup.threads']) {
    try {
      return readText(`${group}/${file}`).split('\n').filter(Boolean);
    } catch (error) {
      if (errorCode(error) !== 'EOPNOTSUPP') return [];
    }
  }
  return [];
}
