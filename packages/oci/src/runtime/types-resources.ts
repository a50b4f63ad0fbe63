/** `linux.resources` of runtime-spec 1.3.0 (config-linux.md, Control groups); also what `update` reads. */

/** A 64-bit integer: a number as long as that is exact, else a bigint. */
export type Integer = number | bigint;

export interface LinuxResources {
  devices?: DeviceCgroup[];
  memory?: Memory;
  cpu?: Cpu;
  pids?: Pids;
  blockIO?: BlockIO;
  hugepageLimits?: HugepageLimit[];
  network?: Network;
  rdma?: Record<string, Rdma>;
  /** Files of a cgroup v2 and what to write into them. */
  unified?: Record<string, string>;
}

/** A rule of the devices cgroup; `major` and `minor` of -1 or absent stand for all. */
export interface DeviceCgroup {
  allow: boolean;
  type?: 'a' | 'c' | 'b';
  major?: Integer;
  minor?: Integer;
  /** Some of `rwm`. */
  access?: string;
}

/** Bytes; -1 is no limit. */
export interface Memory {
  limit?: Integer;
  reservation?: Integer;
  /** Memory and swap together. */
  swap?: Integer;
  /** Not recommended since 1.0.2. */
  kernel?: Integer;
  kernelTCP?: Integer;
  /** 0 to 100. */
  swappiness?: number;
  disableOOMKiller?: boolean;
  useHierarchy?: boolean;
  /** Whether a limit below the present usage is refused. */
  checkBeforeUpdate?: boolean;
}

/** Times in microseconds. */
export interface Cpu {
  shares?: Integer;
  quota?: Integer;
  burst?: Integer;
  period?: Integer;
  realtimeRuntime?: Integer;
  realtimePeriod?: Integer;
  cpus?: string;
  mems?: string;
  /** 1 makes the whole group idle (SCHED_IDLE). */
  idle?: Integer;
}

export interface Pids {
  limit?: Integer;
}

export interface BlockIO {
  weight?: number;
  leafWeight?: number;
  weightDevice?: WeightDevice[];
  throttleReadBpsDevice?: ThrottleDevice[];
  throttleWriteBpsDevice?: ThrottleDevice[];
  throttleReadIOPSDevice?: ThrottleDevice[];
  throttleWriteIOPSDevice?: ThrottleDevice[];
}

export interface WeightDevice {
  major: Integer;
  minor: Integer;
  weight?: number;
  leafWeight?: number;
}

export interface ThrottleDevice {
  major: Integer;
  minor: Integer;
  rate: Integer;
}

export interface HugepageLimit {
  /** `2MB`, `1GB` … */
  pageSize: string;
  limit: Integer;
}

export interface Network {
  classID?: number;
  priorities?: InterfacePriority[];
}

export interface InterfacePriority {
  name: string;
  priority: number;
}

export interface Rdma {
  hcaHandles?: number;
  hcaObjects?: number;
}
