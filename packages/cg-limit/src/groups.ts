import { Failure } from '@ctr-tools/cli';
import type { Facts, GroupFacts } from './facts.ts';

/** What a container's state keeps of its groups, for `delete`, `exec` and every act. */
export interface CgroupRecord {
  manager: 'files' | 'systemd';
  /** Absolute directories by controller, `name=systemd` too, and `unified` for v2. */
  paths: Record<string, string>;
  /** The unit that systemd made for them, and where that systemd listens. */
  unit?: { name: string; socket: string };
}

/**
 * The groups that will hold the process: all that this user can make. Without privilege the
 * others are left out; with it, one that cannot be made is an error.
 */
export function usedGroups(facts: Facts): GroupFacts[] {
  const closed = facts.groups.filter((g) => !g.writable);
  if (closed.length > 0 && !facts.rootless) {
    const { directory, mountPoint } = closed[0]!;
    throw new Failure(
      `make the cgroup ${directory}: ${mountPoint} cannot be written; mount it read-write, or have the group delegated`,
    );
  }
  return facts.groups.filter((g) => g.writable);
}

/** By controller, as the state of a container keeps them. undefined where there are none. */
export function cgroupRecord(facts: Facts): CgroupRecord | undefined {
  const paths: Record<string, string> = {};
  for (const { version, controllers, directory } of usedGroups(facts)) {
    if (version === 2) paths.unified = directory;
    else for (const name of controllers) paths[name] = directory;
  }
  if (Object.keys(paths).length === 0) return undefined;
  const { manager, unit } = facts;
  return { manager, paths, ...(unit && { unit: { name: unit.name, socket: unit.socket } }) };
}

/** The group whose files a controller of this version has. */
export function groupFor(
  groups: readonly GroupFacts[],
  controller: string,
  version: 1 | 2,
): GroupFacts | undefined {
  return groups.find((g) => g.version === version && (version === 2 || g.controllers.includes(controller)));
}
