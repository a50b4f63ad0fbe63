import { posix } from 'node:path';
import { Failure } from '@ctr-tools/cli';
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
  const paths = new Set(own.map((d) => posix.resolve('/', d.path)));
  const devices: readonly Device[] = [...defaultDevices.filter((d) => !paths.has(d.path)), ...own];
  const links = [...defaultLinks, ...(facts.kcore ? [['/dev/core', '/proc/kcore'] as const] : [])];
  return [
    // /dev/ptmx is a link into the container's own devpts, and no node can stand for it.
    ...devices.filter((d) => posix.resolve('/', d.path) !== '/dev/ptmx').map((d) => deviceStep(d, facts)),
    ...links.map(([path, target]) =>
      step('devices', 'link_in', { root, path, target }, `link ${path} to ${target}`, {
        unless: ['EEXIST'],
      }),
    ),
  ];
}

function deviceStep(device: Device, facts: RootfsFacts): AnyStep {
  const { path, type, major, minor, fileMode = 0o666, uid = 0, gid = 0 } = device;
  const bits = typeBits[type];
  if (bits === undefined) throw new Failure(`linux.devices: ${path}: "${type}" is none of c, b, u, p`);
  if (type !== 'p' && (major === undefined || minor === undefined)) {
    throw new Failure(`linux.devices: ${path} lacks its major or minor number`);
  }
  const dev = type === 'p' ? 0 : makedev(major!, minor!);
  const mode = bits | (fileMode & 0o7777);
  const bind = facts.userNamespace && type !== 'p' ? 1 : 0;
  return step('devices', 'device', { root, path, mode, dev, uid, gid, bind }, `make the device ${path}`, {
    hints: {
      EPERM: 'making device nodes needs CAP_MKNOD',
      ENOENT: 'in a user namespace the node of the host is bound, and the host has none at this path',
    },
  });
}
