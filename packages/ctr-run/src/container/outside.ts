/** What a container has from outside, which criu can neither dump nor make: who restores gives others in their places. */
import { Failure } from '@ctr-tools/cli';
import { exists, readLink, readText, stat } from '@ctr-tools/host';
import type { Spec } from '@ctr-tools/oci';
import { inheritsMounts } from '@ctr-tools/rootfs';
import { type MountInfo, readMountinfo } from '@ctr-tools/sys/proc';

/** Mounts that come from outside, by the name under which an image knows them: their place. */
export const externalMounts = (spec: Spec): { destination: string; source: string }[] =>
  (spec.mounts ?? [])
    .filter(({ type, options }) => type === 'bind' || options?.some((o) => o === 'bind' || o === 'rbind'))
    .map(({ destination, source }) => ({ destination, source: source ?? '' }));

/** One of a container's standard descriptors that came from outside, by criu's name for it (criu(8), --inherit-fd). */
export interface Outside {
  fd: number;
  resource: string;
}

/**
 * Standard descriptors that a container has from outside: a pipe, or a file on a mount that it
 * does not have. criu dumps neither by itself; who restores gives others in their places. A
 * terminal of the caller's is the matter of --shell-job.
 */
export function outsideOf(pid: number): Outside[] {
  const read = (path: string): string => readText(`/proc/${pid}/${path}`);
  const mounts = new Set(
    read('mountinfo')
      .split('\n')
      .map((line) => line.split(' ')[0]),
  );
  return [0, 1, 2].flatMap((fd): Outside[] => {
    let link: string;
    try {
      link = readLink(`/proc/${pid}/fd/${fd}`);
    } catch {
      return []; // closed
    }
    if (link.startsWith('pipe:')) return [{ fd, resource: link }];
    const [, mount] = /^mnt_id:\s*(\d+)$/m.exec(read(`fdinfo/${fd}`)) ?? [];
    if (!link.startsWith('/') || /^\/dev\/(?:pts\/|tty)/.test(link) || mounts.has(mount)) return [];
    const { ino } = stat(`/proc/${pid}/fd/${fd}`);
    return [{ fd, resource: `file[${Number(mount).toString(16)}:${ino.toString(16)}]` }];
  });
}

/** A mount of the container's, and the path of the host's that is mounted there. */
export interface OutsideMount {
  destination: string;
  source: string;
}

/**
 * Mounts from outside that no spec names: with a user namespace the devices in /dev are the host's own, bound one by one,
 * and so is what lies over a masked file. Theirs is a file system that the container has nowhere as a whole. Groups of
 * v1 are criu's own matter.
 */
export function outsideMounts(pid: number, spec: Spec): OutsideMount[] {
  const named = new Set(externalMounts(spec).map(({ destination }) => destination));
  const mounts = readMountinfo(pid);
  const whole = new Set(mounts.filter(({ root }) => root === '/').map(({ device }) => device));
  const hosts = readMountinfo();
  return mounts
    .filter(
      ({ device, mountPoint, type }) =>
        mountPoint !== '/' && !named.has(mountPoint) && !whole.has(device) && type !== 'cgroup',
    )
    .flatMap((mount) => {
      const source = placeOf(mount, hosts);
      return source === undefined ? [] : [{ destination: mount.mountPoint, source }];
    });
}

/** Where among these mounts the same file or directory is. */
function placeOf({ device, root }: MountInfo, mounts: readonly MountInfo[]): string | undefined {
  const holder = mounts.find(
    (m) => m.device === device && (m.root === '/' || root === m.root || root.startsWith(`${m.root}/`)),
  );
  if (!holder) return undefined;
  const below = holder.root === '/' ? root : root.slice(holder.root.length);
  return holder.mountPoint === '/' ? below : `${holder.mountPoint}${below}`;
}

/** A namespace that was there before the container, by its name for criu, and the options with which criu joins it. */
export interface OutsideNamespace {
  /** The option for a dump. */
  dump: string[];
  /** The options for a restore. */
  restore: string[];
  /** A path to be open at this descriptor. */
  open?: { fd: number; path: string };
}

/** Descriptors of the restoring shell's that are free for namespaces; it knows those of one digit alone. */
const namespaceFds = { network: 5, pid: 6 } as const;

/**
 * Namespaces that the spec names by a path. criu leaves network and PID namespace alone that it is told of, and is given
 * them again; others of them it joins (as runc has it; criu(8), --external, --inherit-fd, --join-ns).
 */
export function outsideNamespaces(spec: Spec): OutsideNamespace[] {
  const { linux } = spec;
  if (inheritsMounts(spec))
    throw new Failure('criu cannot make a root again that was mounted without a mount namespace of its own');
  return (linux?.namespaces ?? []).flatMap(({ type, path }): OutsideNamespace[] => {
    if (path === undefined) return [];
    if (type === 'network' || type === 'pid') {
      const [kind, fd] = [type === 'pid' ? 'pid' : 'net', namespaceFds[type]];
      const key = type === 'pid' ? 'extRootPidNS' : 'extRootNetNS';
      const inode = exists(path) ? stat(path).ino : 0;
      return [
        {
          dump: ['--external', `${kind}[${inode}]:${key}`],
          restore: ['--inherit-fd', `fd[${fd}]:${key}`],
          open: { fd, path },
        },
      ];
    }
    if (type === 'cgroup' || type === 'mount')
      throw new Failure(
        `criu cannot join the ${type} namespace ${path}; a container that is written to files has one of its own`,
      );
    return [{ dump: [], restore: ['--join-ns', `${type}:${path}`] }];
  });
}
