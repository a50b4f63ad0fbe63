/** A file of a group and what is to stand in it: what every limit comes down to. */
export interface Setting {
  /** Whose file it is: `memory`, `io` … or `core` for those that every v2 group has. */
  controller: string;
  version: 1 | 2;
  file: string;
  value: string;
  /** "the memory limit": `set WHAT of /x to SAYS`. */
  what: string;
  /** The value for people. */
  says: string;
  /** What a person can do, by the kernel's answer. */
  hints?: Record<string, string>;
  /** An answer of the kernel that is not a failure, because then there is nothing to be set. */
  unless?: readonly string[];
  /** The kernel takes what it cannot hold as well, and only says so in the file (cgroup-v2.rst, cpuset.cpus.partition). */
  saysInvalid?: boolean;
  /** How often the limit was hit, for the last line when a command has ended because of it. */
  report?: Report;
}

/** Where the kernel counts how often a limit was hit. */
export interface Report {
  /** A file of the group, and the word before the number in it (nothing: the file is the number). */
  file: string;
  key: string;
  /** A file of the group with the peak of use, and whether that is bytes. */
  peak: string;
  bytes: boolean;
  text: string;
}

/** What the hierarchies of a host can express; plain data, so that the decisions can be tested without them. */
export interface Abilities {
  /** Which version's files each controller has here. A controller that is not there has none. */
  carriers: Readonly<Record<string, 1 | 2>>;
  /** `2MB`, `1GB` … as the files are called. */
  hugePages: readonly string[];
  /** Files by their names may be those of v1 as well: for a command of ours, and not for a spec's `unified`. */
  anyVersion?: boolean;
  /** The files of the weights: BFQ has its own (bfq-iosched.rst). */
  ioWeightFile: 'io.weight' | 'io.bfq.weight';
  blkioWeightFile: 'blkio.weight' | 'blkio.bfq.weight';
}

/** Limits as they stand, where a change has to go in an order that depends on them. */
export interface Current {
  memory?: bigint;
  /** Microseconds; not there where there is no quota. */
  quota?: bigint;
  period?: bigint;
  burst?: bigint;
  /** v1's period of realtime, in microseconds. */
  rtPeriod?: bigint;
  idle?: boolean;
  /** The group runs already, so that 0 takes a limit off; a new one has none yet. */
  running?: boolean;
}
