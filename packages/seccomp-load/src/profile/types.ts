import type { LinuxSeccomp, SeccompArch, SeccompSyscall } from '@ctr-tools/oci';
import type { AbiName } from '../abi.ts';

/** When a rule of a Docker profile counts (moby/profiles `seccomp.Filter`). */
export interface Condition {
  /** Capability names as in `CAP_SYS_ADMIN`, asked of the bounding set. */
  caps?: string[];
  /** Architectures by Docker's names: `amd64`, `arm64`, `x86` … */
  arches?: string[];
  /** `4.8`: the running kernel is at least this. */
  minKernel?: string;
}

export interface DockerSyscall extends SeccompSyscall {
  comment?: string;
  includes?: Condition;
  excludes?: Condition;
}

/** A profile as Docker and podman read it from a file: OCI's, with conditions and a map of architectures. */
export interface DockerProfile extends Omit<LinuxSeccomp, 'syscalls'> {
  archMap?: { architecture: SeccompArch; subArchitectures?: SeccompArch[] }[];
  syscalls?: DockerSyscall[];
}

/** What the conditions of a Docker profile are asked about. */
export interface Host {
  abi: AbiName;
  /** Capabilities of the bounding set by name. */
  caps: ReadonlySet<string>;
  /** `uname -r`. */
  kernel: string;
}

export type Operator = 'NE' | 'LT' | 'LE' | 'EQ' | 'GE' | 'GT' | 'MASKED_EQ';

/** One comparison of an argument, all numbers unsigned and 64 bits wide. */
export interface Comparison {
  index: number;
  op: Operator;
  /** The mask, for MASKED_EQ. */
  value: bigint;
  /** What must be left under the mask. */
  two: bigint;
}

/** One entry of `syscalls`, ready to be compiled. */
export interface Rule {
  names: readonly string[];
  /** What the filter returns. */
  action: number;
  /** All must hold. */
  args: readonly Comparison[];
  /** Where it stands: `syscalls[3]`. */
  at: string;
  /** Its action is the default's: it decides nothing, but it names its calls as known to the profile. */
  idle: boolean;
}

/** A profile with everything decided: what compiler, interpreter and explanation read. */
export interface Profile {
  defaultAction: number;
  /** Calls above the largest that the profile names get ENOSYS instead of the default action. */
  enosys: boolean;
  abis: readonly AbiName[];
  rules: readonly Rule[];
}
