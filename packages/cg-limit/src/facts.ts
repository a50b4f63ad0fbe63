import type { Abilities, Current } from './setting.ts';

/** One mounted hierarchy, and the group in it that is to be made or joined. */
export interface GroupFacts {
  version: 1 | 2;
  /** v1: its controllers, `name=systemd` too. v2: those that can be had for the group. */
  controllers: readonly string[];
  mountPoint: string;
  /** Absolute path of the group's directory. */
  directory: string;
  exists: boolean;
  /** The group that the process comes from. */
  home?: string;
  /** Whether processes are in it already. */
  populated: boolean;
  /** Directories to be made, the topmost first; the last is `directory` itself. */
  missing: readonly string[];
  /** Whether this user can make it. */
  writable: boolean;
  /** systemd makes it, as part of a unit. */
  bySystemd?: boolean;
  /** v1 cpuset: what a new group starts with, as without it nothing can run there (cpusets.rst 1.4). */
  inherit?: CpusetValues;
  /** v1 cpuset: groups that are there, the topmost first, and have nothing yet of what stands here (made by mkdir and left so). */
  starved?: readonly (CpusetValues & { directory: string })[];
  /** v2: the groups above that exist, from the root of the mount down. */
  above: readonly AncestorFacts[];
}

/** CPUs and memory nodes as their files list them; empty for none. */
export interface CpusetValues {
  cpus: string;
  mems: string;
}

export interface AncestorFacts {
  directory: string;
  /** Controllers that the groups below may use already (cgroup.subtree_control). */
  enabled: readonly string[];
  /** The root of the whole hierarchy: it alone may have processes and controlled groups (cgroups(7), "no internal processes"). */
  root: boolean;
  populated: boolean;
  /** Made by an outer cg-limit that the caller runs in, so its processes are ours to move. */
  ours: boolean;
}

/** Everything about the host that decisions need. Plain data. */
export interface Facts {
  groups: readonly GroupFacts[];
  abilities: Abilities;
  /** What stands in a group that exists already; a container may take an empty one. */
  current?: Current;
  manager: 'files' | 'systemd';
  /** The unit, where systemd makes the group. */
  unit?: UnitFacts;
  /** A person's command, whose own process is limited here; a container's is packages/process's. */
  person: boolean;
  /** A container of ctr-run: device defaults and all controllers, as runc does; else a command of cg-limit's. */
  container: boolean;
  /** `command`: the group goes when the command ends. */
  lifetime: 'command' | 'kept';
  /** Whose the group is to be. */
  owner?: { uid: number; gid: number };
  /** Kill what is left in the group when the command has ended. */
  killLeft: boolean;
  /** How long the command may run, and take to end; in ms. */
  timeLimit?: { after: number; grace: number };
  /** Enter a group that exists, and change nothing. */
  join: boolean;
  /** Without the privilege to set up groups: what was not asked for may be left out. */
  rootless: boolean;
  /** The service of systemd's that the command leaves, as the service's group is not delegated. */
  leaves?: string;
  /** What CTR_CGROUP is to say to the command. */
  variable?: string;
  /** Mount point of resctrl, where it is mounted. */
  resctrl?: string;
  /** The schemata of the class that the spec names, where there is such a class. */
  schemata?: string;
  id: string;
}

/** A transient unit of systemd's (org.freedesktop.systemd1(5), StartTransientUnit). */
export interface UnitFacts {
  /** The unit that has the limits: a scope, which has the process too, or a slice. */
  name: string;
  /** In which slice it lies. */
  slice: string;
  /** Where the unit is a slice, which holds units and no processes: the scope in it that has the process. */
  scope?: string;
  /** The user's own manager instead of the system's. */
  user: boolean;
  /** The manager's private socket. */
  socket: string;
}
