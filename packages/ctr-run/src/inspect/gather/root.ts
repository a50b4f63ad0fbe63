import { entriesIn, join, lstatIfAny, readLink } from '@ctr-tools/host';
import { mountOf, readMountinfo } from '@ctr-tools/sys/proc';
import type { DeviceNode, MountFact, RootFact } from '../facts.ts';
import { type Eyes, maybe } from './quietly.ts';

/** The root directory, the mounts, and the device nodes of a process. */
export function gatherRoot(pid: number, ownMounts: boolean, eyes: Eyes): RootFact | undefined {
  const read = eyes.see('mounts', () => readMountinfo(pid));
  if (!read) return undefined;
  const path = eyes.see('the root directory', () => readLink(`/proc/${pid}/root`)) ?? '/';
  const mounts = ownMounts ? withHostPaths(read, maybe(() => readMountinfo('self')) ?? []) : read;
  const devices = ownMounts ? devicesOf(pid, mounts, eyes) : undefined;
  return { path, mounts, ...(devices && { devices }) };
}

/** File systems that the kernel makes anew for whoever mounts one, or that show the same everywhere. */
const everywhere = new Set(['proc', 'sysfs', 'cgroup', 'cgroup2', 'mqueue', 'devpts', 'nsfs']);

/** Which of the machine's paths a mount shows: the same file system, at or above the same directory. */
export function withHostPaths(mounts: readonly MountFact[], own: readonly MountFact[]): readonly MountFact[] {
  return mounts.map((mount) => {
    if (everywhere.has(mount.type)) return mount;
    const over = own
      .filter(({ device, root }) => device === mount.device && isBelow(mount.root, root))
      .toSorted((a, b) => b.root.length - a.root.length)[0];
    if (!over) return mount;
    const rest = over.root === '/' ? mount.root : mount.root.slice(over.root.length);
    return { ...mount, host: join(over.mountPoint, rest) };
  });
}

const isBelow = (path: string, root: string): boolean =>
  root === '/' || path === root || path.startsWith(`${root}/`);

/** Whether a file system answers by the kernel alone: one of a stranger's program or server may let us wait for ever. */
export const answersItself = (type: string | undefined): boolean =>
  type !== undefined && !/^(fuse|nfs|cifs|smb|9p|ceph|autofs|afs|virtiofs|glusterfs|lustre)/.test(type);

/** Nodes that lie in directories of /dev. */
const deeper = ['net/tun', 'mapper/control', 'vfio/vfio', 'cpu/0/msr'];

function devicesOf(pid: number, mounts: readonly MountFact[], eyes: Eyes): DeviceNode[] | undefined {
  const types = ['/', '/dev'].map((path) => mountOf(path, mounts)?.type);
  if (!types.every(answersItself)) {
    eyes.note('device nodes', 'a file system of another program or machine is not asked');
    return undefined;
  }
  const dev = `/proc/${pid}/root/dev`;
  // A link would lead to a path of the machine's (proc_pid_root(5)).
  const found = eyes.see('device nodes', () => lstatIfAny(dev));
  if (!found?.isDirectory()) return found ? [] : undefined;
  const names = eyes.see('device nodes', () => entriesIn(dev)) ?? [];
  return [
    ...names.filter(({ type }) => type === 'block' || type === 'character').map(({ name }) => name),
    ...deeper,
  ].flatMap((name) => nodeAt(dev, name) ?? []);
}

function nodeAt(dev: string, name: string): DeviceNode | undefined {
  const stat = maybe(() => lstatIfAny(join(dev, name)));
  if (!stat || !(stat.isBlockDevice() || stat.isCharacterDevice())) return undefined;
  // makedev(3): the low byte of the minor, the major, and the minor's rest above them.
  const major = Number((BigInt(stat.rdev) >> 8n) & 0xfffn);
  const minor = (stat.rdev & 0xff) | Number((BigInt(stat.rdev) >> 12n) & 0xffffff00n);
  return { name, type: stat.isBlockDevice() ? 'block' : 'character', major, minor };
}
