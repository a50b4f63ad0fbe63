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

/** Whether a process in such a group counts for limits on how many there are and on their memory. */
export const countsProcesses = (controllers: readonly string[]): boolean =>
  controllers.includes('memory') || controllers.includes('pids');
