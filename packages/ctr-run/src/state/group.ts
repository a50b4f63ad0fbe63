import type { CgroupRecord } from '@ctr-tools/cg-limit';
import { entriesIn, errorCode, readText } from '@ctr-tools/host';
import type { Found } from './record.ts';
import { isAlive } from './status.ts';

/**
 * The groups of a container, each once. A process may be moved out of one hierarchy's group and stay in those of
 * the others, so whoever wants all of the container's processes looks into all. The freezer's comes first: who
 * is to die has to be thawed (freezer-subsystem.rst).
 */
export function groupsOf({ cgroup }: { cgroup?: CgroupRecord | undefined }): string[] {
  const { freezer, ...others } = cgroup?.paths ?? {};
  return [...new Set([...(freezer === undefined ? [] : [freezer]), ...Object.values(others)])];
}

/** PIDs of a container, ascending: its first process wherever that is, and all in its groups. */
export function processesOf(record: Found): number[] {
  const { pid, startTime } = record;
  const first = pid && isAlive(pid, startTime) ? [pid] : [];
  return [...new Set([...first, ...groupsOf(record).flatMap(processesIn)])].sort((a, b) => a - b);
}

/** PIDs in a group and the groups below it (cgroups(7), cgroup.procs). A group that is gone holds none. */
export function processesIn(path: string): number[] {
  try {
    const own = readText(`${path}/cgroup.procs`).split('\n').filter(Boolean).map(Number);
    const below = entriesIn(path).filter((entry) => entry.type === 'directory');
    return [...own, ...below.flatMap((entry) => processesIn(`${path}/${entry.name}`))];
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes(errorCode(error) ?? '')) return [];
    throw error;
  }
}
