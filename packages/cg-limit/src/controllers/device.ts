/** Devices by path or number. */

import { UsageError } from '@ctr-tools/cli';
import { dirname, exists, readText, realPath, statIfAny } from '@ctr-tools/host';
import { splitDevice } from '@ctr-tools/sys/constants';
import { readMountinfo } from '@ctr-tools/sys/proc';

export interface Node {
  kind: 'b' | 'c' | undefined;
  major: number;
  minor: number;
}

/** `/dev/vda` or `8:0`. Throws `UsageError` for what is not a device. */
export function deviceOf(text: string, flag: string): Node {
  const numbers = /^(\d+):(\d+)$/.exec(text);
  if (numbers) return { kind: undefined, major: Number(numbers[1]), minor: Number(numbers[2]) };
  if (!text.startsWith('/'))
    throw new UsageError(`--${flag}: "${text}" is not a device; give its path (/dev/vda) or MAJOR:MINOR`);
  const stat = statIfAny(text);
  if (!stat) throw new UsageError(`--${flag}: there is no ${text}`);
  if (!stat.isBlockDevice() && !stat.isCharacterDevice())
    throw new UsageError(`--${flag}: ${text} is not a device`);
  return { kind: stat.isBlockDevice() ? 'b' : 'c', ...splitDevice(BigInt(stat.rdev)) };
}

/** A block device by path or number; any other path means the disk that its file system lies on. */
export function blockDevice(text: string, flag: string): { major: number; minor: number } {
  const stat = text.startsWith('/') ? statIfAny(text) : undefined;
  if (stat && !stat.isBlockDevice() && !stat.isCharacterDevice()) return diskBelow(text, stat.dev, flag);
  const { kind, major, minor } = deviceOf(text, flag);
  if (kind === 'c') throw new UsageError(`--${flag}: ${text} is not a block device`);
  return { major, minor };
}

/** Of a file system with a device number of its own (btrfs), the mount says what it lies on (proc_pid_mountinfo(5)). */
function diskBelow(path: string, dev: number, flag: string): { major: number; minor: number } {
  let number = splitDevice(BigInt(dev));
  if (number.major === 0) {
    const real = realPath(path);
    // The deepest mount point above it, and there what was mounted last.
    const mount = readMountinfo()
      .filter(({ mountPoint }) => real === mountPoint || real.startsWith(mountPoint.replace(/\/?$/, '/')))
      .toSorted((a, b) => a.mountPoint.length - b.mountPoint.length)
      .at(-1);
    const source = mount?.source.startsWith('/') ? statIfAny(mount.source) : undefined;
    if (!source?.isBlockDevice())
      throw new UsageError(
        `--${flag}: ${path} lies on ${mount?.type ?? 'a file system'} without a block device; give a device (/dev/vda)`,
      );
    number = splitDevice(BigInt(source.rdev));
  }
  return wholeDisk(number);
}

/** The kernel limits whole disks alone (blkg_conf_open_bdev in block/blk-cgroup.c); sysfs has a partition below its disk. */
function wholeDisk(number: { major: number; minor: number }): { major: number; minor: number } {
  const at = `/sys/dev/block/${number.major}:${number.minor}`;
  if (!exists(`${at}/partition`)) return number;
  const [major, minor] = readText(`${dirname(realPath(at))}/dev`)
    .trim()
    .split(':')
    .map(Number);
  return { major: major!, minor: minor! };
}

/** `DEVICE:VALUE`, parted at the last colon, as devices may have one themselves; `thing` is what stands first. */
export function parted(text: string, flag: string, value: string, thing = 'DEVICE'): [string, string] {
  const at = text.lastIndexOf(':');
  if (at <= 0 || at === text.length - 1)
    throw new UsageError(`--${flag} is "${text}"; give ${thing}:${value}`);
  return [text.slice(0, at), text.slice(at + 1)];
}
