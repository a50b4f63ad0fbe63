import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Spec } from '@ctr-tools/oci';
import { type MountInfo, parseMountinfo } from '@ctr-tools/sys/proc';
import { expect, type TestContext, test } from 'vitest';
import { run, tempDir } from '../../../test/support.ts';
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

/** Run it under both. */
function both(change: (spec: Spec) => void): { ours: Seen; theirs: Seen } {
  const bundle = busyboxBundle();
  const spec = shellSpec(look, change);
  const theirs = underRunc(spec, bundle);
  expect(theirs.stderr).toBe('');
  const ours = runContainer(spec, bundle);
  expect(ours.stderr).toBe('');
  const [own, runcs] = [seen(spec, ours.stdout), seen(spec, theirs.stdout)];
  // runc 1.1 makes the tmpfs around v1 groups read-only only where it binds the host's groups into it.
  const writable = '/sys/fs/cgroup tmpfs tmpfs rw,';
  runcs.mounts = runcs.mounts.map((line) =>
    line.startsWith(writable) ? line.replace(' rw,', ' ro,') : line,
  );
  return { ours: own, theirs: runcs };
}

/** Run it under both and compare. */
function same(change: (spec: Spec) => void): Seen {
  const { ours, theirs } = both(change);
  expect(ours).toEqual(theirs);
  return ours;
}

/** A tree for binds: a tmpfs without attributes, or with those, and one below it that has them all. */
function treeOf(context: TestContext, options = 'suid'): string {
  const tree = tempDir('tree');
  const mounted = (path: string, words: string) => {
    expect(run('mount', ['-t', 'tmpfs', '-o', words, 'ctr-test', path])).toMatchObject({ status: 0 });
    context.onTestFinished(() => void run('umount', [path]));
  };
  mounted(tree, options);
  mkdirSync(join(tree, 'below'));
  mounted(join(tree, 'below'), 'nosuid,nodev,noexec');
  return tree;
}

test('the default container: the same mounts in the same order, the same devices, the same hidden', () => {
  const { masked, devices } = same(() => {});
  expect(masked).toContain('/proc/keys');
  expect(devices).toContainEqual(expect.stringContaining('null'));
});

test('a writable root, a read-only /dev and tmpfs, binds and devices of its own', (context) => {
  const tree = treeOf(context);
  same((spec) => {
    spec.root!.readonly = false;
    spec.mounts!.find((m) => m.destination === '/dev')!.options!.push('ro');
    spec.mounts!.push(
      { destination: '/run', type: 'tmpfs', source: 'run', options: ['ro', 'nosuid', 'mode=711'] },
      { destination: '/new/file', type: 'bind', source: '/etc/hostname', options: ['bind', 'ro', 'nosuid'] },
      { destination: '/new/dir', type: 'bind', source: '/usr/share', options: ['rbind', 'rslave', 'noexec'] },
      { destination: '/all', type: 'bind', source: tree, options: ['rbind', 'ro'] },
    );
    spec.linux!.devices = [
      { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o640, uid: 3, gid: 4 },
      { path: '/dev/loop9', type: 'b', major: 7, minor: 9, fileMode: 0o600 },
      { path: '/dev/fifo', type: 'p', fileMode: 0o622 },
    ];
  });
});

/** The options of the mount there, without how access times are kept. */
const optionsAt = ({ mounts }: Seen, point: string): string[] =>
  mounts
    .find((line) => line.startsWith(`${point} `))!
    .split(' ')[3]!
    .split(',')
    .filter((word) => word !== 'relatime');

test('a bind whose options have flags has those alone, whatever its source forbids, and else what its source has', (context) => {
  const source = treeOf(context, 'nosuid,nodev,noexec');
  const at = (destination: string, ...options: string[]) => ({ destination, type: 'bind', source, options });
  const { ours, theirs } = both((spec) => {
    spec.root!.readonly = false;
    spec.mounts!.push(
      at('/plain', 'rbind'),
      at('/ro', 'rbind', 'ro'),
      at('/suid', 'bind', 'ro', 'suid', 'exec'),
      at('/kept', 'bind', 'ro', 'nosuid', 'nodev', 'noexec'),
      at('/atime', 'bind', 'ro', 'atime'),
      at('/noatime', 'bind', 'noatime'),
      at('/nodiratime', 'bind', 'nodiratime'),
      at('/rw', 'bind', 'rw'),
    );
  });
  const points = ['/plain', '/ro', '/ro/below', '/suid', '/kept', '/atime', '/noatime', '/nodiratime'];
  for (const point of points)
    expect([point, ...optionsAt(ours, point)]).toEqual([point, ...optionsAt(theirs, point)]);
  expect(optionsAt(ours, '/plain')).toEqual(['rw', 'nosuid', 'nodev', 'noexec']);
  expect(optionsAt(ours, '/ro')).toEqual(['ro']);
  expect(optionsAt(ours, '/ro/below')).toEqual(['rw', 'nosuid', 'nodev', 'noexec']);
  expect(optionsAt(ours, '/suid')).toEqual(['ro']);
  expect(optionsAt(ours, '/kept')).toEqual(['ro', 'nosuid', 'nodev', 'noexec']);
  // runc before 1.2 passes over options that only allow.
  expect(optionsAt(ours, '/rw')).toEqual(['rw']);
});

test('an access time that a bind does not name is its source’s, and atime is not a name for one', (context) => {
  const source = treeOf(context, 'noatime,nodiratime');
  const at = (destination: string, ...options: string[]) => ({ destination, type: 'bind', source, options });
  const { mounts } = same((spec) => {
    spec.root!.readonly = false;
    spec.mounts!.push(at('/a', 'bind', 'ro', 'atime'), at('/b', 'bind', 'relatime'), at('/c', 'bind', 'ro'));
  });
  const words = (point: string) => mounts.find((line) => line.startsWith(`${point} `))!.split(' ')[3];
  expect([words('/a'), words('/b'), words('/c')]).toEqual([
    'ro,noatime,nodiratime',
    'rw,relatime',
    'ro,noatime,nodiratime',
  ]);
});

test('readonlyPaths with the root make the root read-only, and not what is mounted below it', () => {
  const { ours, theirs } = both((spec) => {
    spec.root!.readonly = false;
    spec.linux!.readonlyPaths = ['/'];
  });
  // runc binds the whole tree once more over the root, where nobody gets to it.
  expect(ours.mounts).toEqual(theirs.mounts.slice(0, ours.mounts.length));
  expect(ours.mounts[0]).toMatch(/^\/ \S+ \S+ ro,/);
});

test('no cgroup mounts, no masks, no /dev of its own', () => {
  same((spec) => {
    spec.root!.readonly = false;
    spec.mounts = [{ destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'ro'] }];
    spec.linux!.maskedPaths = [];
    spec.linux!.readonlyPaths = [];
  });
});
