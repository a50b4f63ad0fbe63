import { join, relative } from 'node:path';
import type { CgroupHierarchy } from '@ctr-tools/sys/proc';
import type { CgroupRecord } from '../state/record.ts';

/** What of cg-limit's facts says where a container's groups are. */
interface Groups {
  manager: 'files' | 'systemd';
  groups: readonly {
    version: 1 | 2;
    controllers: readonly string[];
    mountPoint: string;
    directory: string;
  }[];
}

/** Where a container's groups are, by controller (v1) and as `unified` (v2); undefined if it has none. */
export function cgroupRecord({ manager, groups }: Groups): CgroupRecord | undefined {
  if (groups.length === 0) return undefined;
  const paths: Record<string, string> = {};
  for (const { version, controllers, directory } of groups) {
    for (const name of version === 2 ? ['unified'] : controllers) paths[name] = directory;
  }
  return { manager, paths };
}

/** The container's group in a hierarchy, as a path from that hierarchy's own root; undefined if it has none there. */
export function groupIn({ groups }: Groups, { mountPoint, root }: CgroupHierarchy): string | undefined {
  const group = groups.find((g) => g.mountPoint === mountPoint);
  return group && join(root, relative(mountPoint, group.directory));
}
