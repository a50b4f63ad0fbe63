/** A store for each storage driver, on what the driver needs, where this machine has it. */
import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { atFileEnd, hasCommand, isRoot, runShell, runTool, tempDir, toolEnv } from '../../../test/support.ts';

const names = ['overlay', 'fuse-overlayfs', 'btrfs', 'devicemapper', 'vfs', 'aufs'] as const;
export type DriverName = (typeof names)[number];

/** No kernel of a distribution has aufs: it is among them where the running one has. */
export const drivers: readonly DriverName[] = names.filter(
  (name) => name !== 'aufs' || /\taufs$/m.test(readFileSync('/proc/filesystems', 'utf8')),
);

const stores = new Map<DriverName, string>();

/** A file system made in a file: its mount point. The loop device goes with the mount. */
export function fileSystem(type: string, size: number): string {
  const directory = tempDir(type);
  writeFileSync(`${directory}/disk`, '');
  truncateSync(`${directory}/disk`, size);
  mkdirSync(`${directory}/mnt`);
  const line = `mkfs.${type} -q ${directory}/disk && mount -o loop ${directory}/disk ${directory}/mnt`;
  const made = runShell(line, { timeout: 120_000 });
  if (made.status !== 0) throw new Error(made.stderr);
  atFileEnd(() => runShell(`umount ${directory}/mnt`));
  return `${directory}/mnt`;
}

/** Why a driver cannot be tried here, or undefined. */
export function lackingDriver(driver: DriverName): string | undefined {
  if (!isRoot) return 'needs root';
  if (driver === 'fuse-overlayfs' && !(hasCommand('fuse-overlayfs') && existsSync('/dev/fuse')))
    return 'fuse-overlayfs or /dev/fuse is missing';
  if (driver === 'btrfs' && !hasCommand('mkfs.btrfs')) return 'the command mkfs.btrfs is not installed';
  if (driver === 'devicemapper' && !existsSync('/dev/mapper/control'))
    return 'the kernel has no device mapper';
  return undefined;
}

/** The driver's store, the same for the whole test file. */
export function storeOf(driver: DriverName): string {
  const there = stores.get(driver);
  if (there !== undefined) return there;
  const store = driver === 'btrfs' ? fileSystem('btrfs', 512 << 20) : tempDir(`store-${driver}`);
  stores.set(driver, store);
  atFileEnd(() => stores.delete(driver));
  return store;
}

/** Run ufs-mount on the store of a driver. */
export const ufsOn = (driver: DriverName, args: readonly string[], input = '') =>
  runTool('ufs-mount', args, {
    env: { ...toolEnv(), CTR_STORE: storeOf(driver) },
    input,
    timeout: 120_000,
  });
