import type { GroupFacts } from '@ctr-tools/cg-limit/container';
import { join, relative } from '@ctr-tools/host';
import type { CgroupHierarchy } from '@ctr-tools/sys/proc';

/** What of cg-limit's facts says where a container's groups are. */
interface Groups {
  groups: readonly Pick<GroupFacts, 'mountPoint' | 'directory' | 'exists' | 'writable' | 'bySystemd'>[];
}

/** The container's group in a hierarchy, as a path from that hierarchy's own root; undefined if it has none there, as where its user can make none. */
export function groupIn({ groups }: Groups, { mountPoint, root }: CgroupHierarchy): string | undefined {
  const group = groups.find((g) => g.mountPoint === mountPoint && (g.exists || g.writable || g.bySystemd));
  return group && join(root, relative(mountPoint, group.directory));
}
