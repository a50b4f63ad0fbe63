import { expect, test } from 'vitest';
import { placeBelow } from '../../src/proc/cgroup-place.ts';
import { cgroupHierarchies, matchHierarchies, parseCgroups, parseMountinfo } from '../../src/proc/index.ts';

const mounts = parseMountinfo(`31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
90 23 0:30 / /var/lib/other/cpu rw - cgroup cgroup rw,cpu,cpuacct
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
40 31 0:37 /outer /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`);
const lines = parseCgroups(`3:name=systemd:/outer/mine
2:cpu,cpuacct:/job:1
1:rdma:/
0::/job
`);

test('lines of /proc/PID/cgroup: controllers, names, and paths with colons', () => {
  expect(lines).toEqual([
    { id: 3, controllers: [], name: 'systemd', path: '/outer/mine' },
    { id: 2, controllers: ['cpu', 'cpuacct'], path: '/job:1' },
    { id: 1, controllers: ['rdma'], path: '/' },
    { id: 0, controllers: [], path: '/job' },
  ]);
});

test('a hybrid host: each mounted hierarchy with the directory of the own group, in the order of mounting', () => {
  const { mode, hierarchies } = matchHierarchies(lines, mounts, false);
  expect(mode).toBe('hybrid');
  expect(hierarchies.map((h) => [h.version, h.mountPoint, h.directory])).toEqual([
    [1, '/sys/fs/cgroup/cpu,cpuacct', '/sys/fs/cgroup/cpu,cpuacct/job:1'],
    [1, '/sys/fs/cgroup/systemd', '/sys/fs/cgroup/systemd/mine'],
    [2, '/sys/fs/cgroup/unified', '/sys/fs/cgroup/unified/job'],
  ]);
});

test('without cgroup2 the host is v1, with it alone v2, with nothing none', () => {
  const v1 = mounts.filter((m) => m.type !== 'cgroup2');
  expect(matchHierarchies(lines, v1, false).mode).toBe('v1');
  const v2 = parseMountinfo('31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n');
  expect(matchHierarchies(parseCgroups('0::/a\n'), v2, true)).toMatchObject({
    mode: 'v2',
    hierarchies: [{ directory: '/sys/fs/cgroup/a' }],
  });
  expect(matchHierarchies([], [], false)).toEqual({ mode: 'none', hierarchies: [] });
});

test.each([
  ['/', '/', { hidden: 0, rest: '' }],
  ['/', '/a/b', { hidden: 0, rest: 'a/b' }],
  ['/a', '/a/b', { hidden: 0, rest: 'b' }],
  ['/a', '/ab', undefined],
  ['/a/b', '/a', undefined],
  // In a cgroup namespace: the mount's root lies two above it, and the process in it or elsewhere.
  ['/../..', '/', { hidden: 2, rest: '' }],
  ['/../..', '/a', { hidden: 2, rest: 'a' }],
  ['/../..', '/../b', { hidden: 1, rest: 'b' }],
  ['/../..', '/../../c/d', { hidden: 0, rest: 'c/d' }],
  ['/', '/..', undefined],
  ['/..', '/../..', undefined],
  ['/../b', '/../b/c', { hidden: 0, rest: 'c' }],
  ['/../../b', '/../b', undefined],
])('below the mount of %s lies %s', (root, path, place) => {
  expect(placeBelow(root, path)).toEqual(place);
});

test('this machine has what its own files say', () => {
  const { hierarchies } = cgroupHierarchies();
  for (const h of hierarchies) expect(h.directory.startsWith(h.mountPoint)).toBe(true);
});
