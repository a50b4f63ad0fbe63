/**
 * The Linux part of the OCI runtime-spec 1.3.0: `config.json`, with each name exactly as
 * it stands in the file. Read with config.md and config-linux.md of
 * https://github.com/opencontainers/runtime-spec/tree/v1.3.0.
 *
 * An `Integer` is a bigint only where its value does not fit a number exactly
 * (RLIM_INFINITY, say); `json.ts` reads and writes it so. `BigInt(value)` takes both.
 */
import type * as names from './names.ts';
import type { Integer, LinuxResources } from './types-resources.ts';

export type * from './types-resources.ts';

/** `config.json` */
export interface Spec {
  ociVersion: string;
  root?: Root;
  mounts?: Mount[];
  process?: Process;
  hostname?: string;
  domainname?: string;
  hooks?: Hooks;
  annotations?: Record<string, string>;
  linux?: Linux;
  /** Other platforms' sections; a Linux runtime only minds that they are there. */
  solaris?: unknown;
  windows?: unknown;
  vm?: unknown;
  zos?: unknown;
  freebsd?: unknown;
}

export interface Root {
  /** Absolute, or relative to the bundle. */
  path: string;
  readonly?: boolean;
}

export interface Mount {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
  /** An idmapped mount's own maps. */
  uidMappings?: IDMapping[];
  gidMappings?: IDMapping[];
}

export interface Process {
  terminal?: boolean;
  consoleSize?: Box;
  cwd: string;
  env?: string[];
  args?: string[];
  /** Windows only. */
  commandLine?: string;
  rlimits?: Rlimit[];
  apparmorProfile?: string;
  capabilities?: Capabilities;
  noNewPrivileges?: boolean;
  oomScoreAdj?: number;
  scheduler?: Scheduler;
  selinuxLabel?: string;
  ioPriority?: IOPriority;
  execCPUAffinity?: ExecCPUAffinity;
  user?: User;
}

/** Size of a terminal in characters. */
export interface Box {
  height: number;
  width: number;
}

export interface User {
  uid: number;
  gid: number;
  umask?: number;
  additionalGids?: number[];
  /** Windows only. */
  username?: string;
}

export interface Rlimit {
  /** `RLIMIT_NOFILE` … */
  type: string;
  soft: Integer;
  hard: Integer;
}

export interface Capabilities {
  bounding?: string[];
  effective?: string[];
  inheritable?: string[];
  permitted?: string[];
  ambient?: string[];
}

/** The arguments of sched_setattr(2); the last three are in nanoseconds. */
export interface Scheduler {
  policy: SchedulerPolicy;
  nice?: number;
  priority?: number;
  flags?: SchedulerFlag[];
  runtime?: Integer;
  deadline?: Integer;
  period?: Integer;
}

export type SchedulerPolicy = (typeof names.schedulerPolicies)[number];

export type SchedulerFlag = (typeof names.schedulerFlags)[number];

export type IOPriorityClass = (typeof names.ioPriorityClasses)[number];

export interface IOPriority {
  class: IOPriorityClass;
  /** 0 (highest) to 7. */
  priority?: number;
}

/** CPU lists (`0-3,7`) for `exec`: before and after the process joins the container's cgroup. */
export interface ExecCPUAffinity {
  initial?: string;
  final?: string;
}

export interface Hook {
  path: string;
  args?: string[];
  env?: string[];
  /** Seconds. */
  timeout?: number;
}

export interface Hooks {
  /** Deprecated by the three after it. */
  prestart?: Hook[];
  createRuntime?: Hook[];
  createContainer?: Hook[];
  startContainer?: Hook[];
  poststart?: Hook[];
  poststop?: Hook[];
}

export interface Linux {
  namespaces?: Namespace[];
  uidMappings?: IDMapping[];
  gidMappings?: IDMapping[];
  timeOffsets?: TimeOffsets;
  devices?: Device[];
  netDevices?: NetDevices;
  cgroupsPath?: string;
  resources?: LinuxResources;
  intelRdt?: IntelRdt;
  memoryPolicy?: MemoryPolicy;
  sysctl?: Record<string, string>;
  seccomp?: LinuxSeccomp;
  rootfsPropagation?: RootfsPropagation;
  maskedPaths?: string[];
  readonlyPaths?: string[];
  mountLabel?: string;
  personality?: Personality;
}

export type NamespaceType = (typeof names.namespaceTypes)[number];

export interface Namespace {
  type: NamespaceType;
  /** A namespace's file to be joined; a new one is made if it is absent. */
  path?: string;
}

export interface IDMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export type TimeClock = (typeof names.timeClocks)[number];

export type TimeOffsets = { [clock in TimeClock]?: TimeOffset };

export interface TimeOffset {
  secs?: Integer;
  nanosecs?: number;
}

export type RootfsPropagation = (typeof names.rootfsPropagations)[number];

/** c and u: character, b: block, p: FIFO. */
export type DeviceType = (typeof names.deviceTypes)[number];

export interface Device {
  type: DeviceType;
  path: string;
  major?: number;
  minor?: number;
  /** Permission bits. */
  fileMode?: number;
  uid?: number;
  gid?: number;
}

/** Network interfaces of the host by name, to be moved into the container. */
export type NetDevices = Record<string, NetDevice>;

export interface NetDevice {
  /** The name inside; the same as outside if absent. */
  name?: string;
}

export interface IntelRdt {
  closID?: string;
  /** Lines for the group's `schemata` file. */
  schemata?: string[];
  l3CacheSchema?: string;
  memBwSchema?: string;
  enableMonitoring?: boolean;
  /** Before 1.3.0. */
  enableCMT?: boolean;
  enableMBM?: boolean;
}

export type MemoryPolicyMode = (typeof names.memoryPolicyModes)[number];

export type MemoryPolicyFlag = (typeof names.memoryPolicyFlags)[number];

/** The arguments of set_mempolicy(2). */
export interface MemoryPolicy {
  mode: MemoryPolicyMode;
  /** A list of nodes: `0-3,7`. */
  nodes?: string;
  flags?: MemoryPolicyFlag[];
}

export type PersonalityDomain = (typeof names.personalityDomains)[number];

export interface Personality {
  domain: PersonalityDomain;
  flags?: string[];
}

export type SeccompAction = (typeof names.seccompActions)[number];

export type SeccompOperator = (typeof names.seccompOperators)[number];

export type SeccompArch = (typeof names.seccompArchs)[number];
export type SeccompFlag = (typeof names.seccompFlags)[number];

export interface LinuxSeccomp {
  defaultAction: SeccompAction;
  defaultErrnoRet?: number;
  architectures?: SeccompArch[];
  flags?: SeccompFlag[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: SeccompSyscall[];
}

export interface SeccompSyscall {
  names: string[];
  action: SeccompAction;
  errnoRet?: number;
  args?: SeccompArg[];
}

export interface SeccompArg {
  /** 0 to 5. */
  index: number;
  value: Integer;
  /** With SCMP_CMP_MASKED_EQ: `value` is the mask, this what must be left. */
  valueTwo?: Integer;
  op: SeccompOperator;
}

/** State of a container (runtime.md). */
export type Status = (typeof names.statuses)[number];

export interface State {
  ociVersion: string;
  id: string;
  status: Status;
  /** Required while created or running. */
  pid?: number;
  bundle: string;
  annotations?: Record<string, string>;
}

/** What a seccomp listener's socket is sent beside the descriptor (config-linux.md). */
export interface ContainerProcessState {
  ociVersion: string;
  /** `seccompFd`, `pidFd` … one for each descriptor sent, in order. */
  fds: string[];
  pid: number;
  metadata?: string;
  state: State;
}

/** What `features` prints (features.md, features-linux.md). */
export interface Features {
  ociVersionMin: string;
  ociVersionMax: string;
  hooks?: string[];
  mountOptions?: string[];
  linux?: {
    namespaces?: string[];
    capabilities?: string[];
    cgroup?: { v1?: boolean; v2?: boolean; systemd?: boolean; systemdUser?: boolean; rdma?: boolean };
    seccomp?: {
      enabled?: boolean;
      actions?: string[];
      operators?: string[];
      archs?: string[];
      knownFlags?: string[];
      supportedFlags?: string[];
    };
    apparmor?: { enabled?: boolean };
    selinux?: { enabled?: boolean };
    intelRdt?: { enabled?: boolean; schemata?: boolean; monitoring?: boolean };
    memoryPolicy?: { modes?: string[]; flags?: string[] };
    mountExtensions?: { idmap?: { enabled?: boolean } };
    netDevices?: { enabled?: boolean };
  };
  annotations?: Record<string, string>;
  potentiallyUnsafeConfigAnnotations?: string[];
}
