/**
 * The machine's own root as layers: `/`, and each local file system mounted below it that
 * holds a part of the system. An overlay over `/` does not show what is mounted on it, so
 * each of those gets an overlay of its own.
 */
import { entriesIn, readLink, stat } from '@ctr-tools/host';
import type { MountInfo } from '@ctr-tools/sys/proc';

/** Below these lies nothing that belongs to a root: kernel interfaces, and what a container makes anew. */
const notOfTheRoot = ['/proc', '/sys', '/dev', '/run', '/tmp', '/mnt', '/media'];

/** File systems that hold files of the system and that an overlay takes as a lower layer. */
const local = new Set([
  'ext2',
  'ext3',
  'ext4',
  'xfs',
  'btrfs',
  'f2fs',
  'erofs',
  'squashfs',
  'zfs',
  'bcachefs',
  'overlay',
]);

/** Mount points that make up the host's root, `/` first, each before those on it. */
export function hostRootMounts(mounts: readonly MountInfo[]): string[] {
  const found = new Set<string>();
  for (const { mountPoint, type } of mounts) {
    if (mountPoint === '/') continue;
    const aside = notOfTheRoot.some((at) => mountPoint === at || mountPoint.startsWith(`${at}/`));
    if (!aside && local.has(type)) found.add(mountPoint);
  }
  return ['/', ...[...found].toSorted()];
}

/** The machine's root in pieces, each path absolute; what is above comes before what is below. */
export interface HostTree {
  /** Directories that are made anew, with their modes. */
  directories: [path: string, mode: number][];
  /** Directories below which nothing is mounted: an overlay each. */
  overlays: string[];
  /** Files beside mount points. */
  files: string[];
  links: [path: string, target: string][];
}

/**
 * The same root for a mount namespace that belongs to another user namespace than the mounts that it began with: the
 * kernel lets nobody there see what these cover (mount_namespaces(7), "Restrictions on mount namespaces"), so no
 * overlay can be made of a directory below which something is mounted, and of `/` never. What lies beside
 * mount points is made one by one.
 */
export function hostTree(mounts: readonly MountInfo[]): HostTree {
  const types = new Map(mounts.map(({ mountPoint, type }) => [mountPoint, type]));
  const points = [...types.keys()];
  const tree: HostTree = { directories: [], overlays: [], files: [], links: [] };
  const made = (path: string): void => void tree.directories.push([path, modeOf(path)]);
  const addDirectory = (path: string): void => {
    const own = types.get(path);
    const covers = points.some((point) => point.startsWith(`${path}/`));
    if ((own !== undefined && !local.has(own)) || (covers && notOfTheRoot.includes(path))) made(path);
    else if (covers) {
      made(path);
      walk(path);
    } else tree.overlays.push(path);
  };
  const walk = (directory: string): void => {
    for (const { name, type } of entriesOf(directory)) {
      const path = `${directory === '/' ? '' : directory}/${name}`;
      if (type === 'link') tree.links.push([path, readLink(path)]);
      else if (type === 'directory') addDirectory(path);
      else if (type === 'file') tree.files.push(path);
    }
  };
  walk('/');
  return tree;
}

const modeOf = (path: string): number => {
  try {
    return stat(path).mode & 0o7777;
  } catch {
    return 0o755;
  }
};

/** Of a directory that others may not look into there is nothing to be shown. */
function entriesOf(path: string): ReturnType<typeof entriesIn> {
  try {
    return entriesIn(path);
  } catch {
    return [];
  }
}
