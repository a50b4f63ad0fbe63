/** What was seen of a process: all that is told, weighed and drawn is made of this alone. Texts are byte strings. */
import type { Labels, Modules } from '@ctr-tools/aa-confine/looking';
import type { Report } from '@ctr-tools/cg-limit/acts';
import type { NamespaceFile } from '@ctr-tools/sys/constants';
import type { CgroupMode, MountInfo, ProcessStatus } from '@ctr-tools/sys/proc';

export interface Facts {
  pid: number;
  /** What the person typed where it was not the PID: `web`, `docker:db`. */
  called?: string;
  /** The command line, its words between blanks; empty for a kernel thread. */
  command: string;
  kernelThread: boolean;
  /** R, S, D, Z … (proc_pid_stat(5)). */
  state: string;
  /** How long it has run, in milliseconds. */
  ageMs?: number;
  status: ProcessStatus;
  /** The kernel's last capability. */
  lastCapability: number;
  namespaces: readonly NamespaceFact[];
  maps: Maps;
  group?: GroupFact;
  root?: RootFact;
  seccomp: SeccompFact;
  labels?: Labels;
  modules: Modules;
  limits: readonly LimitFact[];
  oomScoreAdj?: number;
  descriptors?: DescriptorsFact;
  /** The working directory, and whether it lies in the process's own mounts. */
  cwd?: { path: string; outside: boolean };
  /** Host's groups by which others become root, among the process's: `docker`, `disk`. */
  mightyGroups: readonly string[];
  /** Whether a terminal takes input from who only has it open (TIOCSTI; proc_sys_dev(5), tty/legacy_tiocsti). */
  tiocsti: boolean;
  /** Which of `kernelPaths` this kernel has. */
  kernelFiles: readonly string[];
  /** What could not be seen, and why. */
  unseen: readonly Unseen[];
  /** It ended while it was being looked at. */
  ended: boolean;
}

/** Files of the kernel's that a container should not reach: not every kernel has all. */
export const kernelPaths = [
  '/proc/sys/kernel/core_pattern',
  '/proc/sysrq-trigger',
  '/proc/irq',
  '/proc/kcore',
  '/proc/keys',
  '/proc/timer_list',
  '/proc/scsi',
  '/proc/acpi',
  '/sys/firmware',
  '/sys/kernel',
] as const;

export interface Unseen {
  what: string;
  why: string;
}

export interface NamespaceFact {
  type: NamespaceFile;
  inode: number;
  /** PID 1's, as this /proc counts: the machine's. Undefined where PID 1's cannot be seen. */
  ofPid1: boolean | undefined;
  ofCaller: boolean;
  /** Further processes in it; not looked for where it is PID 1's. */
  others: { count: number; some: readonly { pid: number; name: string }[] };
}

export interface IdRange {
  inside: number;
  outside: number;
  count: number;
}

export interface Maps {
  uid: readonly IdRange[];
  gid: readonly IdRange[];
}

export interface GroupFact {
  mode: CgroupMode;
  report: Report;
  /** It is in the root group of a hierarchy with limits. */
  inRoot: boolean;
  /** Whether there is a v1 hierarchy, whose release_agent(cgroups(7)) root of the machine runs. */
  v1: boolean;
  /** Rules of a v1 devices group (devices.list); undefined on v2, whose rules are a program. */
  devices?: readonly string[];
}

export interface MountFact extends MountInfo {
  /** Where the caller sees the same directory or file: a path of the machine's that was bound here. */
  host?: string;
}

export interface RootFact {
  /** The root directory as the caller reads it; `/` for all but a chroot. */
  path: string;
  mounts: readonly MountFact[];
  /** Device nodes in /dev; undefined where nobody could look. */
  devices?: readonly DeviceNode[];
}

export interface DeviceNode {
  /** Below /dev. */
  name: string;
  type: 'block' | 'character';
  major: number;
  minor: number;
}

export interface SeccompFact {
  mode: 'disabled' | 'strict' | 'filter' | 'unknown';
  /** How many; Linux 5.9 and later tell it. */
  filters?: number;
  /** Sentences about what they answer, where they could be read. */
  answers?: readonly string[];
}

export interface LimitFact {
  /** `RLIMIT_NOFILE` */
  type: string;
  soft: string;
  hard: string;
  /** What PID 1 has, where that is known and differs. */
  usual?: { soft: string; hard: string };
}

export interface DescriptorFact {
  fd: number;
  /** Where the link leads, as it is read. */
  target: string;
  kind: 'file' | 'directory' | 'character' | 'block' | 'other' | 'unknown';
  writable: boolean;
  /** Beyond the process's own mounts: on one of the caller's, or on one of neither's. */
  outside?: 'host' | 'elsewhere';
}

export interface DescriptorsFact {
  count: number;
  /** All that were looked at, the first thousand at most. */
  seen: readonly DescriptorFact[];
}

/** One namespace of a process. */
export const namespaceOf = (facts: Facts, type: NamespaceFile): NamespaceFact | undefined =>
  facts.namespaces.find((n) => n.type === type);

/** Whether it shares a namespace with PID 1; what cannot be seen is not said to be. */
export const isShared = (facts: Facts, type: NamespaceFile): boolean =>
  namespaceOf(facts, type)?.ofPid1 === true;

/** Whether it has a mount namespace of its own, as far as one can see. */
export const hasOwnMounts = (facts: Facts): boolean => namespaceOf(facts, 'mnt')?.ofPid1 === false;

/** All IDs are the machine's own: the map of the first user namespace (user_namespaces(7)). */
export const isIdentity = (map: readonly IdRange[]): boolean =>
  map.length === 1 && map[0]!.inside === 0 && map[0]!.outside === 0 && map[0]!.count === 4294967295;

/** Whether privileges count over the machine and not only over a user namespace of its own. */
export const inFirstUser = (facts: Facts): boolean =>
  namespaceOf(facts, 'user')?.ofPid1 ?? isIdentity(facts.maps.uid);

/** Root of the machine: what /proc shows are the reader's IDs (proc_pid_status(5)). */
export const isHostRoot = (facts: Facts): boolean => facts.status.uids[1] === 0;

/** Every capability that it holds, or gets back by an exec. */
export const heldCapabilities = ({ status }: Facts): bigint =>
  status.effective | status.permitted | status.ambient;

export const holds = (facts: Facts, number: number): boolean =>
  ((heldCapabilities(facts) >> BigInt(number)) & 1n) === 1n;
