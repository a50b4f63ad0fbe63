/**
 * Where a group lies below the root of a mount. In a cgroup namespace the kernel words both as seen
 * from the namespace's root (cgroup_namespaces(7)): of what lies above it `/..` alone is told, once
 * for each directory, and no name.
 */
import { entriesIn, join, readText } from '@ctr-tools/host';

export interface Place {
  /** How many directories below the mount's root have names that are not told. */
  hidden: number;
  /** The path below those. */
  rest: string;
}

/** `/../../a` → 2 and `[a]` */
function split(path: string): { up: number; names: string[] } {
  const parts = path.split('/').filter((part) => part !== '');
  const names = parts.filter((part) => part !== '..');
  return { up: parts.length - names.length, names };
}

/** Where the group `path` lies below `root`, both as one process reads them; undefined where it does not. */
export function placeBelow(root: string, path: string): Place | undefined {
  const [from, to] = [split(root), split(path)];
  // The kernel climbs no further than it must: a root that is reached by names too is not above us.
  if (from.up < to.up || (from.up > to.up && from.names.length > 0)) return undefined;
  if (from.names.some((name, i) => name !== to.names[i])) return undefined;
  return { hidden: from.up - to.up, rest: to.names.slice(from.names.length).join('/') };
}

/**
 * The directory of the group at a place below a mount point, known by the process in it. `pid` is
 * as the reader counts (cgroups(7): `cgroup.procs` has the PIDs of the reader's namespace).
 * Undefined where no such group can be read.
 */
export function findPlace(mountPoint: string, { hidden, rest }: Place, pid: number): string | undefined {
  let level = [mountPoint];
  for (let depth = 0; depth < hidden; depth++) level = level.flatMap(directoriesIn);
  return level.map((above) => join(above, rest)).find((group) => has(group, pid));
}

function directoriesIn(path: string): string[] {
  try {
    return entriesIn(path)
      .filter((entry) => entry.type === 'directory')
      .map((entry) => join(path, entry.name));
  } catch {
    return [];
  }
}

function has(group: string, pid: number): boolean {
  try {
    return readText(`${group}/cgroup.procs`).split('\n').includes(String(pid));
  } catch {
    return false;
  }
}
