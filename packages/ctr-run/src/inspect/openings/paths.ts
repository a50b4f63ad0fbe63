/** What a process's mounts let it do with a path. */
import { mountOf } from '@ctr-tools/sys/proc';
import { type Facts, hasOwnMounts, type MountFact } from '../facts.ts';

const isReadOnly = ({ options, superOptions }: MountFact): boolean =>
  options.includes('ro') || superOptions.includes('ro');

/** The mount at a path, in a mount namespace of its own; undefined where it has none or nobody could see it. */
export function mountAt(facts: Facts, path: string): MountFact | undefined {
  return hasOwnMounts(facts) && facts.root ? mountOf(path, facts.root.mounts) : undefined;
}

/** Files that hide another are of the device null; directories that do are empty, in memory (config-linux.md, maskedPaths). */
export const isMask = ({ root, type, mountPoint }: MountFact): boolean =>
  /^\/(proc|sys)\//.test(mountPoint) &&
  // The tmpfs over hierarchies of v1 hides nothing.
  !/^\/sys\/fs\/cgroup(\/|$)/.test(mountPoint) &&
  (root.endsWith('/null') || type === 'tmpfs');

/** The mount through which a file of the kernel's can be seen at a path. `subset=pid` shows processes alone (proc(5)). */
function through(facts: Facts, path: string, type: string): MountFact | undefined {
  const mount = mountAt(facts, path);
  const there = facts.kernelFiles.includes(path) && mount?.type === type;
  return there && !mount.superOptions.includes('subset=pid') ? mount : undefined;
}

export const shows = (facts: Facts, path: string, type: string): boolean =>
  through(facts, path, type) !== undefined;

/** The same, and be written as far as mounts say. */
export function isWritable(facts: Facts, path: string, type: string): boolean {
  const mount = through(facts, path, type);
  return mount !== undefined && !isReadOnly(mount);
}

/** Its mounts as long as it has its own: whose are the machine's is told by the namespace. */
export const ownMounts = (facts: Facts): readonly MountFact[] =>
  hasOwnMounts(facts) ? (facts.root?.mounts ?? []) : [];

/** What an engine makes for one container lies here, and is that container's own: /etc/hosts, volumes. */
const ENGINES =
  /^(\/var\/lib|\/run|\/run\/user\/\d+|.*\/\.local\/share)\/(docker|containers|containerd|kubelet|ctr-tools)\//;

/** Paths of the machine's that were bound into it, without its root, masks, single devices and what engines make. */
export const hostBinds = (facts: Facts): MountFact[] =>
  ownMounts(facts).filter(
    (mount) =>
      mount.host !== undefined &&
      mount.mountPoint !== '/' &&
      !isMask(mount) &&
      !ENGINES.test(mount.host) &&
      mount.type !== 'devtmpfs' &&
      !/^\/dev\/./.test(mount.mountPoint),
  );

export const writable = (mount: MountFact): boolean => !isReadOnly(mount);

export const wherePath = ({ mountPoint, host }: MountFact): string =>
  host === undefined || host === mountPoint ? mountPoint : `${mountPoint} (${host})`;
