import { Failure } from '@ctr-tools/cli';
import { resolve } from '@ctr-tools/host';
import { type Device, defaultDevices, defaultLinks, type Spec } from '@ctr-tools/oci';
import { type AnyStep, slot, step } from '@ctr-tools/plan';
import { makedev, S } from '@ctr-tools/sys/constants';
import { destinationOf, isBind } from './destination.ts';
import type { RootfsFacts } from './gather.ts';

const root = slot('root');
const typeBits: Record<Device['type'], number> = { c: S.IFCHR, u: S.IFCHR, b: S.IFBLK, p: S.IFIFO };

/**
 * Nodes and links in /dev (config-linux.md, Devices; runtime-linux.md, Dev symbolic links).
 * A /dev that is bound from somewhere is somebody else's and stays as it is.
 */
export function deviceSteps(spec: Spec, facts: RootfsFacts): AnyStep[] {
  if ((spec.mounts ?? []).some((m) => isBind(m) && destinationOf(m) === '/dev')) return [];
  const own = spec.linux?.devices ?? [];
  const paths = new Set(own.map((d) => resolve('/', d.path)));
  const devices: readonly Device[] = [...defaultDevices.filter((d) => !paths.has(d.path)), ...own];
  const links = [...defaultLinks, ...(facts.kcore ? [['/dev/core', '/proc/kcore'] as const] : [])];
  return [
    // /dev/ptmx is a link into the container's own devpts, and no node can stand for it.
    ...devices.filter((d) => resolve('/', d.path) !== '/dev/ptmx').map((d) => deviceStep(d)),
    ...links.map(([path, target]) =>
      step('devices', 'link_in', { root, path, target }, `link ${path} to ${target}`, {
        unless: ['EEXIST'],
      }),
    ),
  ];
}

function deviceStep(device: Device): AnyStep {
  const { path, type, major, minor, fileMode = 0o666, uid = 0, gid = 0 } = device;
  const bits = typeBits[type];
  if (bits === undefined) throw new Failure(`linux.devices: ${path}: "${type}" is none of c, b, u, p`);
  if (type !== 'p' && (major === undefined || minor === undefined)) {
    throw new Failure(`linux.devices: ${path} lacks its major or minor number`);
  }
  const dev = type === 'p' ? 0 : makedev(major!, minor!);
  const mode = bits | (fileMode & 0o7777);
  // Where the kernel forbids a node (in a user namespace) the host's is bound, as runc does.
  const bind = type === 'p' ? 0 : 1;
  return step('devices', 'device', { root, path, mode, dev, uid, gid, bind }, `make the device ${path}`, {
    hints: {
      EPERM: 'making device nodes needs CAP_MKNOD outside of any user namespace',
      ENOENT: 'where nodes cannot be made the one of the host is bound, and it has none at this path',
    },
  });
}
