import type { IDMapping } from '@ctr-tools/oci';
import type { NamespaceFile } from '@ctr-tools/sys/constants';
import type { SubordinateRange } from '@ctr-tools/sys/proc';
import type { JoinedMaps } from './joined-maps.ts';
import type { Kind } from './kinds.ts';
import type { Options } from './options.ts';

/** The process whose namespaces are joined, as it was found. */
export interface TargetFacts {
  pid: number;
  /** The process that it is a thread of, where `pid` is a thread's. */
  process?: number;
  startTime: number;
  /** The pidfd's inode that a person gave with `PID:INODE`. */
  inode?: bigint;
  namespaces: Readonly<Partial<Record<NamespaceFile, number>>>;
  uid: number;
  gid: number;
  /** NAME=VALUE; only where `--env` asks. */
  environ?: readonly string[];
  /** SELinux context; only where `--follow-context` asks. */
  context?: string;
  /** The files that a process writes 0 to in order to join the target's cgroups. */
  cgroups?: readonly string[];
}

/** The caller, as far as namespaces mind. */
export interface CallerFacts {
  uid: number;
  gid: number;
  effective: bigint;
  permitted: bigint;
  namespaces: Readonly<Partial<Record<NamespaceFile, number>>>;
  /** Ranges of /etc/subuid and /etc/subgid. */
  subuids: readonly SubordinateRange[];
  subgids: readonly SubordinateRange[];
  newuidmap?: string;
  newgidmap?: string;
  /** Whether the environment has CTR_ROOTFS. */
  rootfsVariable: boolean;
}

export interface Facts {
  /** The options of a person's command; a container of ctr-run has none. */
  options?: Options;
  caller: CallerFacts;
  target?: TargetFacts;
  /** Where each namespace to be joined is found: of a target or by file. */
  joins: readonly { kind: Kind; path: string }[];
  /** Inodes of namespaces by path, where they could be read. */
  inodes: Readonly<Record<string, number>>;
  /** The maps that the `--map-*` flags come to; undefined where none was given. */
  uidMappings?: readonly IDMapping[];
  gidMappings?: readonly IDMapping[];
  /** The maps of the user namespace that a container joins, where its spec has maps too and these can be read. */
  joinedMaps?: JoinedMaps;
  /** The highest capability that this kernel knows. */
  lastCapability: number;
  /** Whether the new root has a directory for /proc. */
  procInRoot: boolean;
  /** Of `--pin` and `--new KIND=FILE`: directories that are still to be made, the highest first. */
  pinMissing?: readonly string[];
  /** Files of `--new KIND=FILE` that are there, empty. */
  pinFiles?: readonly string[];
  /** Whether /run/netns is a mount already, as ip-netns(8) makes it. */
  netnsMounted?: boolean;
  /** Of `--netns`: what of its directory in /etc/netns lies over a file of /etc; and whether /sys is read-only. */
  netnsFiles?: readonly string[];
  sysReadOnly?: boolean;
}
