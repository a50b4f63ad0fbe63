/**
 * The machine's own root as layers: `/`, and each local file system mounted below it that
 * holds a part of the system. An overlay over `/` does not show what is mounted on it, so
 * each of those gets an overlay of its own.
 */
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
