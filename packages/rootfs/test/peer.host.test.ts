import type { Spec } from '@ctr-tools/oci';
import { type MountInfo, parseMountinfo } from '@ctr-tools/sys/proc';
import { expect, test } from 'vitest';
import { busyboxBundle, shellSpec, underRunc } from '../../process/test/support/container.ts';
import { runContainer } from './support.ts';

/** What there is to see in a container: its mounts, and everything in /dev. */
const look = 'cat /proc/self/mountinfo; echo ===; cd /dev; stat -c "%N %F %a %u %g %t %T" *';

interface Seen {
  mounts: string[];
  masked: string[];
  devices: string[];
}

/** Mounts without what differs from run to run; of those that hide something only the place. */
function seen(spec: Spec, stdout: string): Seen {
  const [mounts, devices] = stdout.split('===\n') as [string, string];
  const masks = new Set(spec.linux?.maskedPaths);
  const line = (m: MountInfo): string =>
    `${m.mountPoint} ${m.type} ${m.source} ${m.options.join(',')} ${m.type === 'ext4' ? '' : m.superOptions.join(',')}`;
  const all = parseMountinfo(mounts);
  return {
    mounts: all.filter((m) => !masks.has(m.mountPoint)).map(line),
    masked: all.filter((m) => masks.has(m.mountPoint)).map((m) => m.mountPoint),
    devices: devices.trim().split('\n'),
  };
}

/** Run it under both and compare. */
function same(change: (spec: Spec) => void): Seen {
  const bundle = busyboxBundle();
  const spec = shellSpec(look, change);
  const theirs = underRunc(spec, bundle);
  expect(theirs.stderr).toBe('');
  const ours = runContainer(spec, bundle);
  expect(ours.stderr).toBe('');
  expect(seen(spec, ours.stdout)).toEqual(seen(spec, theirs.stdout));
  return seen(spec, ours.stdout);
}

test('the default container: the same mounts in the same order, the same devices, the same hidden', () => {
  const { masked, devices } = same(() => {});
  expect(masked).toContain('/proc/keys');
  expect(devices).toContainEqual(expect.stringContaining('null'));
});

test('a writable root, a read-only /dev and tmpfs, binds and devices of its own', () => {
  same((spec) => {
    spec.root!.readonly = false;
    spec.mounts!.find((m) => m.destination === '/dev')!.options!.push('ro');
    spec.mounts!.push(
      { destination: '/run', type: 'tmpfs', source: 'run', options: ['ro', 'nosuid', 'mode=711'] },
      { destination: '/new/file', type: 'bind', source: '/etc/hostname', options: ['bind', 'ro', 'nosuid'] },
      { destination: '/new/dir', type: 'bind', source: '/usr/share', options: ['rbind', 'rslave', 'noexec'] },
      { destination: '/all', type: 'bind', source: '/sys', options: ['rbind', 'ro'] },
    );
    spec.linux!.devices = [
      { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o640, uid: 3, gid: 4 },
      { path: '/dev/loop9', type: 'b', major: 7, minor: 9, fileMode: 0o600 },
      { path: '/dev/fifo', type: 'p', fileMode: 0o622 },
    ];
  });
});

test('no cgroup mounts, no masks, no /dev of its own', () => {
  same((spec) => {
    spec.root!.readonly = false;
    spec.mounts = [{ destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'ro'] }];
    spec.linux!.maskedPaths = [];
    spec.linux!.readonlyPaths = [];
  });
});
