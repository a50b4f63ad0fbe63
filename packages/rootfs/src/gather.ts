import { Failure, type Host } from '@ctr-tools/cli';
import {
  dirname,
  exists,
  readLink,
  readText,
  realPath,
  resolve,
  type SystemError,
  stat,
  statFs,
} from '@ctr-tools/host';
import type { Spec } from '@ctr-tools/oci';
import { MAGIC } from '@ctr-tools/sys/constants';
import {
  type CgroupHierarchy,
  type Cgroups,
  cgroupHierarchies,
  mountOf,
  readMountinfo,
} from '@ctr-tools/sys/proc';
import { isBind } from './destination.ts';

/** What the one who makes a container says of its root beyond its spec. */
export interface RootfsSituation {
  /** Another tool's step in phase `root` fills the slot `root` (an overlay of ufs-mount's). */
  rootSlotFilled?: boolean;
  /** The container's group in a hierarchy, as an absolute path from that hierarchy's root. */
  cgroupPath?(hierarchy: CgroupHierarchy): string | undefined;
}

export interface RootfsFacts {
  /** The root's directory, absolute and without links; empty where `rootSlotFilled`. */
  rootPath: string;
  rootSlotFilled: boolean;
  /** Directory that relative sources of binds start from. */
  bundle: string;
  noPivot: boolean;
  /** The process is or will be in a user namespace that is not the first. */
  userNamespace: boolean;
  /** We may clone trees of mounts before the container is born: its mapped root may not reach their paths. */
  openTrees: boolean;
  /** The mount on which the root lies, where pivot_root(2) needs it private. */
  parentMount: string;
  /** Destinations of binds whose source is a procfs: these alone may cover /proc. */
  procBinds: readonly string[];
  /** Binds, by their place in the spec, whose source is what mounts before them make of it. */
  lateBinds: readonly number[];
  /** The kernel has /proc/kcore, so /dev/core leads to it. */
  kcore: boolean;
  cgroups: Cgroups;
  /** By hierarchy ID: the directory of the container's group. */
  cgroupDirectories: Readonly<Record<number, string>>;
  /** Where there is no mount namespace for it: the place at which the root is mounted, and until when. */
  inherited?: { place: string; until: 'failure' | 'end' };
}

/** The impure step. Throws a `Failure` where the root or a bind's source is not there. */
export function gatherRootfs(spec: Spec, host: Host, situation: RootfsSituation = {}): RootfsFacts {
  const bundle = host.container?.bundle ?? host.cwd;
  const rootSlotFilled = situation.rootSlotFilled ?? false;
  const rootPath = rootSlotFilled || !spec.root ? '' : rootDirectory(spec.root.path, bundle);
  if (spec.root || rootSlotFilled) refuseOwnMounts(spec);
  const newUserNamespace = spec.linux?.namespaces?.some((n) => n.type === 'user') ?? false;
  const shared = /^r?shared$/.test(spec.linux?.rootfsPropagation ?? '');
  const mounts = shared ? readMountinfo() : [];
  const cgroups: Cgroups = spec.mounts?.some((m) => m.type === 'cgroup' || m.type === 'cgroup2')
    ? cgroupHierarchies()
    : { mode: 'none', hierarchies: [] };
  return {
    rootPath,
    rootSlotFilled,
    bundle,
    noPivot: host.container?.noPivot ?? false,
    userNamespace: newUserNamespace || inUserNamespace(),
    openTrees: newUserNamespace && host.euid === 0,
    parentMount: rootPath === '' ? '/' : (mountOf(rootPath, mounts)?.mountPoint ?? '/'),
    ...gatherBinds(spec, bundle, rootPath, host.container),
    kcore: exists('/proc/kcore'),
    cgroups,
    cgroupDirectories: groupDirectories(cgroups, situation),
    ...(host.container && {
      inherited: {
        place: placeOf(host.container.directory),
        until: host.container.lifetime === 'command' ? ('end' as const) : ('failure' as const),
      },
    }),
  };
}

/** Where a container without a mount namespace has its root, below its state directory. */
export const placeOf = (directory: string): string => `${directory}/root`;

/** Whether the spec leaves the container in the mount namespace of who makes it (config-linux.md, Namespaces). */
export const inheritsMounts = ({ linux }: Spec): boolean =>
  !linux?.namespaces?.some(({ type }) => type === 'mount');

/**
 * In a mount namespace that is joined the root is changed for everybody in it: pivot_root(2) takes along all whose root
 * was the old one. Of the caller's own namespace, or the first process's, that is the whole system.
 */
function refuseOwnMounts({ linux }: Spec): void {
  const path = linux?.namespaces?.find(({ type }) => type === 'mount')?.path;
  const named = path === undefined ? undefined : identity(path);
  if (named === undefined) return;
  for (const [of, whose] of [
    ['self', "the caller's own"],
    ['1', 'that of process 1'],
  ])
    if (identity(`/proc/${of}/ns/mnt`) === named)
      throw new Failure(
        `linux.namespaces: the mount namespace ${path} is ${whose}, and all of its processes would get the container's root; leave out the path for a new one`,
      );
}

/** What a file is, whatever its name; undefined where that cannot be seen. */
function identity(path: string): string | undefined {
  try {
    const { dev, ino } = stat(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

function rootDirectory(path: string, bundle: string): string {
  const absolute = resolve(bundle, path);
  let real: string;
  try {
    real = realPath(absolute);
    if (stat(real).isDirectory()) return real;
  } catch (error) {
    const { code } = error as SystemError;
    throw new Failure(`root.path: ${absolute}: ${code === 'ENOENT' ? 'there is no such directory' : code}`);
  }
  throw new Failure(`root.path: ${absolute} is not a directory`);
}

/**
 * Sources of binds must exist (config.md, Mounts); those of procfs may cover /proc. What is seen here is a hint: a source
 * below the root may come, or become another, by a mount before it, and then the bind itself decides.
 */
function gatherBinds(
  spec: Spec,
  bundle: string,
  rootPath: string,
  container: Host['container'],
): Pick<RootfsFacts, 'procBinds' | 'lateBinds'> {
  const procBinds: string[] = [];
  const lateBinds: number[] = [];
  for (const [index, mount] of (spec.mounts ?? []).entries()) {
    if (!isBind(mount) || !mount.source) continue;
    const source = resolve(bundle, mount.source);
    // What lies in the container's own directory is made with it.
    if (container && (source.startsWith(`${container.directory}/`) || container.makes?.includes(source)))
      continue;
    if (index > 0 && rootPath !== '' && liesBelow(source, rootPath)) lateBinds.push(index);
    try {
      if (statFs(source).type === MAGIC.PROC) procBinds.push(mount.destination);
    } catch (error) {
      const { code } = error as SystemError;
      if ((code !== 'ENOENT' && code !== 'ENOTDIR') || lateBinds.at(-1) === index) continue;
      throw new Failure(`mount of ${source} on ${mount.destination}: there is no such file or directory`);
    }
  }
  return { procBinds, lateBinds };
}

/** Whether as much of a path as is there leads below a directory, which has no links in it itself. */
function liesBelow(path: string, directory: string): boolean {
  for (let at = path; at !== '/'; at = dirname(at)) {
    try {
      const real = realPath(at);
      return real === directory || real.startsWith(`${directory}/`);
    } catch {
      if (isLink(at)) return true; // to what is not there yet, wherever that is
    }
  }
  return false;
}

function isLink(path: string): boolean {
  try {
    readLink(path);
    return true;
  } catch {
    return false;
  }
}

/** In the first user namespace all of the IDs are mapped to themselves (user_namespaces(7)). */
function inUserNamespace(): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(readText('/proc/self/uid_map'));
}

function groupDirectories(cgroups: Cgroups, situation: RootfsSituation): Record<number, string> {
  const directories: Record<number, string> = {};
  for (const hierarchy of cgroups.hierarchies) {
    const path = situation.cgroupPath?.(hierarchy);
    directories[hierarchy.id] =
      path === undefined
        ? hierarchy.directory
        : resolve(
            hierarchy.mountPoint,
            path.replace(hierarchy.root === '/' ? '' : hierarchy.root, '').replace(/^\/+/, ''),
          );
  }
  return directories;
}
