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
  return { ours: seen(spec, ours.stdout), theirs: seen(spec, theirs.stdout) };
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

test('a bind keeps what its source forbids unless its options allow it, where runc forgets that', (context) => {
  const source = treeOf(context, 'nosuid,nodev,noexec');
  const at = (destination: string, ...options: string[]) => ({ destination, type: 'bind', source, options });
  const { ours, theirs } = both((spec) => {
    spec.root!.readonly = false;
    spec.mounts!.push(
      at('/plain', 'rbind'),
      at('/ro', 'rbind', 'ro'),
      at('/suid', 'bind', 'ro', 'suid', 'exec'),
    );
  });
  expect(optionsAt(ours, '/plain')).toEqual(['rw', 'nosuid', 'nodev', 'noexec']);
  expect(optionsAt(ours, '/plain')).toEqual(optionsAt(theirs, '/plain'));
  expect(optionsAt(ours, '/ro')).toEqual(['ro', 'nosuid', 'nodev', 'noexec']);
  expect(optionsAt(ours, '/ro/below')).toEqual(['rw', 'nosuid', 'nodev', 'noexec']);
  expect(optionsAt(ours, '/suid')).toEqual(['ro', 'nodev']);
  // Whatever runc has, ours has too: it forbids the same or more.
  for (const point of ['/ro', '/ro/below'])
    expect(optionsAt(ours, point)).toEqual(expect.arrayContaining(optionsAt(theirs, point)));
});

test('no cgroup mounts, no masks, no /dev of its own', () => {
  same((spec) => {
    spec.root!.readonly = false;
    spec.mounts = [{ destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'ro'] }];
    spec.linux!.maskedPaths = [];
    spec.linux!.readonlyPaths = [];
  });
});
