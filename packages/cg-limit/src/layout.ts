/** The machine's cgroup hierarchies as this tool calls them. */
import { type CgroupHierarchy, cgroupHierarchies } from '@ctr-tools/sys/proc';

export { versionAt } from '@ctr-tools/sys/proc';

export type Hierarchy = CgroupHierarchy;

/** Those that can be reached here, and the group of a process in each. */
export const hierarchiesOf = (pid: number | 'self' = 'self'): readonly Hierarchy[] =>
  cgroupHierarchies(pid).hierarchies;

/** Names of what a v1 hierarchy carries, `name=systemd` like a controller. */
export const carriedBy = (h: Hierarchy): string[] =>
  h.name === undefined ? [...h.controllers] : [...h.controllers, `name=${h.name}`];
