import type { CgroupRecord } from '@ctr-tools/cg-limit';
import { entriesIn, errorCode, readText } from '@ctr-tools/host';

/** The one group that tells a container's processes: v2's, else the freezer's, else any. */
export function groupOf(record: { cgroup?: CgroupRecord }): string | undefined {
  const paths = record.cgroup?.paths;
  return paths && (paths.freezer ?? paths.unified ?? paths.pids ?? Object.values(paths)[0]);
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
