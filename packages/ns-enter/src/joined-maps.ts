/** The ID maps of a user namespace that is there already (user_namespaces(7)). */
import { entriesIn, readText } from '@ctr-tools/host';
import type { IDMapping } from '@ctr-tools/oci';
import { parseMapFile } from './maps.ts';
import { namespaceOf } from './proc.ts';

export interface JoinedMaps {
  uids: readonly IDMapping[];
  gids: readonly IDMapping[];
}

/**
 * The maps of the namespace with this inode, from a process in it; undefined where nobody is found in it who may be
 * looked at: the file of a namespace does not tell them.
 */
export function mapsOfJoined(path: string, inode: number | undefined): JoinedMaps | undefined {
  const named = /^\/proc\/(\d+)\/ns\/user$/.exec(path)?.[1];
  const pids = named === undefined ? entriesIn('/proc').map(({ name }) => name) : [named];
  for (const pid of pids) {
    try {
      if (!/^\d+$/.test(pid) || namespaceOf(Number(pid), 'user') !== inode) continue;
      const map = (file: string) => parseMapFile(readText(`/proc/${pid}/${file}`));
      return { uids: map('uid_map'), gids: map('gid_map') };
    } catch {
      // It has gone, or is not ours to look at.
    }
  }
  return undefined;
}

/** Whether two maps lead to the same IDs, in whatever pieces and order they are written. */
export function sameMap(a: readonly IDMapping[], b: readonly IDMapping[]): boolean {
  return JSON.stringify(whole(a)) === JSON.stringify(whole(b));
}

function whole(map: readonly IDMapping[]): [number, number, number][] {
  const found: [number, number, number][] = [];
  for (const { containerID, hostID, size } of map.toSorted((x, y) => x.containerID - y.containerID)) {
    const last = found.at(-1);
    if (last && last[0] + last[2] === containerID && last[1] + last[2] === hostID) last[2] += size;
    else found.push([containerID, hostID, size]);
  }
  return found;
}
