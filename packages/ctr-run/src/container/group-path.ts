import { join, relative } from '@ctr-tools/host';
import type { CgroupHierarchy } from '@ctr-tools/sys/proc';

/** What of cg-limit's facts says where a container's groups are. */
interface Groups {
  groups: readonly { mountPoint: string; directory: string }[];
}

/** The container's group in a hierarchy, as a path from that hierarchy's own root; undefined if it has none there. */
export function groupIn({ groups }: Groups, { mountPoint, root }: CgroupHierarchy): string | undefined {
  const group = groups.find((g) => g.mountPoint === mountPoint);
  return group && join(root, relative(mountPoint, group.directory));
}
