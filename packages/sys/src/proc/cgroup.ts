import { join, ownPid, readText, statFs } from '@ctr-tools/host';
import { MAGIC } from '../constants/files.ts';
import { findPlace, placeBelow } from './cgroup-place.ts';
import { type MountInfo, readMountinfo } from './mountinfo.ts';

/** A line of /proc/PID/cgroup (cgroups(7)): one hierarchy, and the process's group in it. */
export interface CgroupLine {
  id: number;
  /** v1 controllers; empty on v2 and for a hierarchy with a name only. */
  controllers: readonly string[];
  /** The name of a v1 hierarchy: `systemd` of `name=systemd`. */
  name?: string;
  /** The group, as seen from the reader's cgroup namespace. */
  path: string;
}

/** A mounted hierarchy. */
export interface CgroupHierarchy extends CgroupLine {
  version: 1 | 2;
  mountPoint: string;
  /** The group that is the root of this mount. */
  root: string;
  /** The directory of the process's own group, through this mount. */
  directory: string;
}

/**
 * `v2`: cgroup2 alone at /sys/fs/cgroup; `v1`: no cgroup2; `hybrid`: v1 controllers, and a
 * cgroup2 beside them; `none`: nothing mounted.
 */
export type CgroupMode = 'v1' | 'v2' | 'hybrid' | 'none';

export interface Cgroups {
  mode: CgroupMode;
  hierarchies: readonly CgroupHierarchy[];
}

/** Where everybody mounts them (cgroups(7)). */
export const cgroupRoot = '/sys/fs/cgroup';

export function parseCgroups(text: string): CgroupLine[] {
  const lines: CgroupLine[] = [];
  for (const line of text.split('\n')) {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (!match) continue;
    const [, id, list, path] = match;
    const words = list === '' ? [] : list!.split(',');
    const name = words.find((w) => w.startsWith('name='))?.slice(5);
    lines.push({
      id: Number(id),
      controllers: words.filter((w) => !w.startsWith('name=')),
      ...(name !== undefined && { name }),
      path: path!,
    });
  }
  return lines;
}

/** The groups of a process. Throws a `SystemError`. */
export function readCgroups(pid: number | 'self' = 'self'): CgroupLine[] {
  return parseCgroups(readText(`/proc/${pid}/cgroup`));
}

/** Pure part of `cgroupHierarchies`: which mounts carry which hierarchy. */
export function matchHierarchies(
  lines: readonly CgroupLine[],
  mounts: readonly MountInfo[],
  unified: boolean,
): Cgroups {
  // Engines mount cgroups in other places too; those under the usual one are the host's own.
  const usual = (m: MountInfo): number => (m.mountPoint.startsWith(cgroupRoot) ? 0 : 1);
  const candidates = mounts
    .filter((m) => m.type === 'cgroup' || m.type === 'cgroup2')
    .toSorted((a, b) => usual(a) - usual(b));
  const hierarchies: CgroupHierarchy[] = [];
  for (const line of lines) {
    const version = line.controllers.length === 0 && line.name === undefined ? 2 : 1;
    const wanted = line.name === undefined ? line.controllers : [...line.controllers, `name=${line.name}`];
    const mount = candidates.find((m) =>
      version === 2
        ? m.type === 'cgroup2'
        : m.type === 'cgroup' && wanted.every((w) => m.superOptions.includes(w)),
    );
    if (!mount) continue;
    hierarchies.push({
      ...line,
      version,
      mountPoint: mount.mountPoint,
      root: mount.root,
      directory: join(mount.mountPoint, placeBelow(mount.root, line.path)?.rest ?? ''),
    });
  }
  // In the order in which they were mounted, as everybody lists them.
  const rank = (h: CgroupHierarchy): number => candidates.findIndex((m) => m.mountPoint === h.mountPoint);
  hierarchies.sort((a, b) => rank(a) - rank(b));
  const versions = new Set(hierarchies.map((h) => h.version));
  const mode = unified ? 'v2' : versions.has(1) ? (versions.has(2) ? 'hybrid' : 'v1') : 'none';
  return { mode, hierarchies };
}

/** What is mounted at a path, by its magic number (statfs(2)); undefined where nobody can tell. */
function magicOf(path: string): number | undefined {
  try {
    return statFs(path).type;
  } catch {
    return undefined;
  }
}

/** Whether a directory is part of a mounted hierarchy, and of which version. */
export function versionAt(path: string): 1 | 2 | undefined {
  const magic = magicOf(path);
  return magic === MAGIC.CGROUP2 ? 2 : magic === MAGIC.CGROUP ? 1 : undefined;
}

let own: Cgroups | undefined;

/** With the directory of the group of `pid`; nothing where the mount does not show it. */
function placed(h: CgroupHierarchy, pid: number): CgroupHierarchy[] {
  const place = placeBelow(h.root, h.path);
  if (!place) return [];
  const directory = place.hidden === 0 ? h.directory : findPlace(h.mountPoint, place, pid);
  return directory === undefined ? [] : [{ ...h, directory }];
}

/**
 * The hierarchies that can be reached here, and the group of a process in each. A mount that is
 * hidden by another is believed only after statfs(2), and one which does not show the process's
 * group (a mount of another part of the tree, as containers have them) is left out. cgroup v2 alone
 * is told by the filesystem at /sys/fs/cgroup, as systemd and runc do. One's own are read once.
 */
export function cgroupHierarchies(pid: number | 'self' = 'self'): Cgroups {
  if (pid === 'self' && own) return own;
  // A mount that is hidden may stand in the table before the one that can be reached.
  const versions: Record<string, 1 | 2> = { cgroup: 1, cgroup2: 2 };
  const reached = readMountinfo('self').filter(
    ({ type, mountPoint }) => type in versions && versionAt(mountPoint) === versions[type],
  );
  const all = matchHierarchies(readCgroups(pid), reached, versionAt(cgroupRoot) === 2);
  const found = {
    ...all,
    hierarchies: all.hierarchies.flatMap((h) => placed(h, pid === 'self' ? ownPid() : pid)),
  };
  if (pid === 'self') own = found;
  return found;
}
