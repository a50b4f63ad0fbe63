import type { CgroupRecord } from '@ctr-tools/cg-limit';
import type { ContainerContext } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import type { AnyStep } from '@ctr-tools/plan';

/** How far a container is taken, and who stays with it. */
export type Course =
  /** `create`: made, waiting for `start`; nobody stays. */
  | 'create'
  /** `run -d`: started; nobody stays. */
  | 'detach'
  /** `run`: started; the launcher stays until it ends. */
  | 'foreground';

/** Everything that is decided about a container before its steps are written. */
export interface Making {
  spec: Spec;
  context: ContainerContext;
  course: Course;
  /** The state root. */
  root: string;
  /** RFC 3339; text that the launcher fills in. */
  created: string;
  owner: number;
  /** Absolute path of the root file system, where the host has it at a path. */
  rootfs?: string;
  /** `--keep`: the container's state stays after a foreground run. */
  keep: boolean;
  cgroup?: CgroupRecord;
  /** Directories of resctrl that go with the container. */
  resctrl?: readonly string[];
  remove: readonly string[];
  pidFile?: string;
  consoleSocket?: string;
  pidfdSocket?: string;
  /** The service manager's socket, which is to hear that the container is ready. */
  notify?: string;
  /** Say on stderr how long the start took. */
  time: boolean;
  /** The spec as it is kept for `exec`, where the container's own is watched (`--why`). */
  written?: Spec;
  /** What has to be there before its mounts are made. */
  before?: readonly AnyStep[];
  /** Steps of who watches it. */
  watch?: readonly AnyStep[];
  /** The spec came on stdin, so the container's own stdin is something else. */
  specOnStdin: boolean;
}

export const stateDirectory = (making: Making): string => `${making.root}/${making.context.id}`;

/** Whether the container has a PID namespace of its own, whose processes all end with its first one (pid_namespaces(7)). */
export const ownsPidNamespace = ({ linux }: Spec): boolean =>
  linux?.namespaces?.some(({ type, path }) => type === 'pid' && !path) ?? false;
