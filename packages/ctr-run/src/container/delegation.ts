import type { CgroupRecord } from '@ctr-tools/cg-limit';
import { readText } from '@ctr-tools/host';
import type { Spec } from '@ctr-tools/oci';
import { type AnyStep, step } from '@ctr-tools/plan';

/** Files that change their owner with a group where the kernel names none (config-linux.md, Cgroup ownership). */
const fallback = ['cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads'];

/** What the kernel lets a group's new owner write (cgroups(7), /sys/kernel/cgroup/delegate). */
export function delegatedFiles(path = '/sys/kernel/cgroup/delegate'): readonly string[] {
  try {
    return readText(path).split('\n').filter(Boolean);
  } catch {
    return fallback;
  }
}

/**
 * Whether a container asks for a group of its own: a cgroup namespace is made, and the groups
 * are mounted to be written. On v1 a group is never given away: "delegation is not secure".
 */
export function wantsDelegation({ linux, mounts }: Spec, cgroup: CgroupRecord | undefined): boolean {
  const paths = Object.keys(cgroup?.paths ?? {});
  return (
    paths.length === 1 &&
    paths[0] === 'unified' &&
    Boolean(linux?.namespaces?.some(({ type, path }) => type === 'cgroup' && !path)) &&
    Boolean(
      mounts?.some(
        ({ source, destination, options }) =>
          source === 'cgroup' && destination === '/sys/fs/cgroup' && !options?.includes('ro'),
      ),
    )
  );
}

/** Give the group's directory and its delegated files to who is `process.user.uid` on the host (config-linux.md, Cgroup ownership). */
export function delegationSteps(spec: Spec, cgroup: CgroupRecord, files: readonly string[]): AnyStep[] {
  const uid = hostUser(spec);
  const directory = cgroup.paths.unified!;
  if (uid === undefined || uid === 0) return [];
  const give = (path: string) =>
    step('network', 'chown', { path, uid, gid: -1 }, `give ${path} to user ${uid}`, {
      side: 'host',
      // "not all files listed necessarily exist"; without root only what is ours can be given.
      unless: ['ENOENT', 'EPERM'],
    });
  return [give(directory), ...files.map((file) => give(`${directory}/${file}`))];
}

function hostUser({ process, linux }: Spec): number | undefined {
  const uid = process?.user?.uid ?? 0;
  if (!linux?.namespaces?.some(({ type }) => type === 'user')) return uid;
  const map = linux.uidMappings?.find((m) => uid >= m.containerID && uid < m.containerID + m.size);
  return map && map.hostID + uid - map.containerID;
}
