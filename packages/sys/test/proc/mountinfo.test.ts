import { expect, test } from 'vitest';
import { mountAt, mountOf, parseMountinfo, readMountinfo } from '../../src/proc/index.ts';

const text = `24 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
31 24 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 /a\\040b /mnt/with\\040space\\134 ro,nosuid shared:5 master:2 - cgroup cgroup rw,cpu,cpuacct
40 24 0:50 / /sys/fs/cgroup ro - tmpfs over rw
`;

test('a line of mountinfo, with any number of tags and escaped characters', () => {
  expect(parseMountinfo(text)[2]).toEqual({
    id: 32,
    parent: 31,
    device: '0:29',
    root: '/a b',
    mountPoint: '/mnt/with space\\',
    options: ['ro', 'nosuid'],
    tags: ['shared:5', 'master:2'],
    type: 'cgroup',
    source: 'cgroup',
    superOptions: ['rw', 'cpu', 'cpuacct'],
  });
});

test('the mount of a path is the deepest one above it, and of two the later', () => {
  const mounts = parseMountinfo(text);
  expect(mountOf('/sys/fs/cgroupless', mounts)?.id).toBe(24);
  expect(mountOf('/sys/fs/cgroup/x', mounts)?.id).toBe(40);
  expect(mountOf('/', mounts)?.id).toBe(24);
});

test('our own mounts have a root among them', () => {
  expect(readMountinfo().some((m) => m.mountPoint === '/')).toBe(true);
});

test('what is mounted on a path is found from the root on: not a mount that another above it hides', () => {
  const mounts = parseMountinfo(`${text}50 24 0:60 / /run rw - tmpfs run rw
51 50 0:61 / /run/netns rw - tmpfs netns rw
52 50 0:60 /x /run/x rw - tmpfs run rw
`);
  expect(mountAt('/run/netns', mounts)?.id).toBe(51);
  expect(mountAt('/run/netns/a', mounts)).toBeUndefined();
  expect(mountAt('/', mounts)?.id).toBe(24);
  const hidden = [...mounts, ...parseMountinfo('60 50 0:62 / /run rw - tmpfs over rw\n')];
  expect(mountAt('/run/netns', hidden)).toBeUndefined();
  expect(mountAt('/run', hidden)?.id).toBe(60);
});
