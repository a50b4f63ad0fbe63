/** The machine's cgroup hierarchies, found in the table of mounts and believed only after statfs(2). */
import { statfsSync } from 'node:fs';
import { relative } from 'node:path';
import { MAGIC } from '@ctr-tools/sys/constants';
import { type CgroupHierarchy, matchHierarchies, readCgroups, readMountinfo } from '@ctr-tools/sys/proc';

export type Hierarchy = CgroupHierarchy;

/** What is mounted at a path, by its magic number; undefined where nobody can tell. */
function magicOf(path: string): bigint | undefined {
  try {
    return statfsSync(path, { bigint: true }).type;
  } catch {
    return undefined;
  }
}

/** Whether a directory is part of a mounted hierarchy, and of which version. */
export function versionAt(path: string): 1 | 2 | undefined {
  const magic = magicOf(path);
  return magic === BigInt(MAGIC.CGROUP2) ? 2 : magic === BigInt(MAGIC.CGROUP) ? 1 : undefined;
}

/**
 * The hierarchies that can be reached here, and the group of a process in each. One whose
 * mount is hidden by another, or which does not show the process's group (a mount of another
 * part of the tree, as containers have them), is left out.
 */
export function hierarchiesOf(pid: number | 'self' = 'self'): Hierarchy[] {
  // A mount that is hidden may stand in the table before the one that can be reached.
  const versions: Record<string, 1 | 2> = { cgroup: 1, cgroup2: 2 };
  const reached = readMountinfo('self').filter(
    ({ type, mountPoint }) => type in versions && versionAt(mountPoint) === versions[type],
  );
  const { hierarchies } = matchHierarchies(readCgroups(pid), reached, false);
  return hierarchies.filter((h) => !relative(h.root, h.path).startsWith('..'));
}

/** Names of what a v1 hierarchy carries, `name=systemd` like a controller. */
export const carriedBy = (h: Hierarchy): string[] =>
  h.name === undefined ? [...h.controllers] : [...h.controllers, `name=${h.name}`];
