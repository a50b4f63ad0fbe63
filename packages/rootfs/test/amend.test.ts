import { defaultSpec } from '@ctr-tools/oci';
import { expect, test } from 'vitest';
import { amendRootfs } from '../src/index.ts';

test('a mount takes the place of one with the same destination; others follow behind', () => {
  const spec = defaultSpec();
  const shm = { destination: '/dev/shm/', type: 'tmpfs', source: 'shm', options: ['size=1g'] };
  const data = { destination: '/data', type: 'bind', source: '/srv', options: ['rbind'] };
  const amended = amendRootfs(spec, { mounts: [shm, data] });
  expect(amended.mounts?.map((m) => m.destination)).toEqual([
    '/proc',
    '/dev',
    '/dev/pts',
    '/dev/shm/',
    '/dev/mqueue',
    '/sys',
    '/sys/fs/cgroup',
    '/data',
  ]);
  expect(spec).toEqual(defaultSpec());
});

test('root, propagation and masks', () => {
  const amended = amendRootfs(defaultSpec(), {
    rootPath: '/srv/root',
    readonly: false,
    propagation: 'rshared',
    maskedPaths: [],
    readonlyPaths: ['/etc'],
  });
  expect(amended.root).toEqual({ path: '/srv/root', readonly: false });
  expect(amended.linux).toMatchObject({
    rootfsPropagation: 'rshared',
    maskedPaths: [],
    readonlyPaths: ['/etc'],
  });
  expect(amendRootfs(defaultSpec(), {})).toEqual(defaultSpec());
});
