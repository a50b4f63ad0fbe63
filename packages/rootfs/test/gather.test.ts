import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultSpec, type Spec } from '@ctr-tools/oci';
import { expect, test } from 'vitest';
import { tempDir } from '../../../test/support.ts';
import { container, hostOf } from '../../process/test/support/container.ts';
import { gatherRootfs } from '../src/index.ts';

function bundle(): string {
  const path = tempDir('bundle');
  mkdirSync(join(path, 'real'));
  symlinkSync('real', join(path, 'rootfs'));
  writeFileSync(join(path, 'file'), '');
  return path;
}

const within = (path: string) => hostOf({ container: { ...container, bundle: path } });
const bare = (change: Partial<Spec> = {}): Spec => ({ ...defaultSpec(), mounts: [], ...change });

test('the root is found from the bundle, without its links', () => {
  const path = bundle();
  const facts = gatherRootfs(bare(), within(path));
  expect(facts).toMatchObject({ rootPath: join(path, 'real'), bundle: path, openTrees: false });
  expect(gatherRootfs(bare(), within(path), { rootSlotFilled: true }).rootPath).toBe('');
});

test.each([
  ['missing', 'there is no such directory'],
  ['file', 'is not a directory'],
])('root.path %s', (root, message) => {
  expect(() => gatherRootfs(bare({ root: { path: root } }), within(bundle()))).toThrow(message);
});

test('a source that is not there is named before anything is made', () => {
  const mounts = [{ destination: '/x', type: 'bind', source: 'nothing', options: ['bind'] }];
  expect(() => gatherRootfs(bare({ mounts }), within(bundle()))).toThrow(
    /mount of .*\/nothing on \/x: there is no such file/,
  );
});

test('a source below the root may come with an earlier mount, and elsewhere by a link alone', () => {
  const path = bundle();
  symlinkSync('later', join(path, 'link'));
  const bind = (source: string) => ({ destination: '/x', type: 'bind', source, options: ['bind'] });
  const sources = ['rootfs/m/deep/f', 'real/m', 'link/f', '/etc'];
  const mounts = [{ destination: '/m', type: 'tmpfs' }, ...sources.map(bind)];
  expect(gatherRootfs(bare({ mounts }), within(path)).lateBinds).toEqual([1, 2, 3]);
  expect(() => gatherRootfs(bare({ mounts: [mounts[0]!, bind('real-not/m')] }), within(path))).toThrow(
    /there is no such file/,
  );
  // Nothing is mounted before the first.
  expect(() => gatherRootfs(bare({ mounts: [bind('rootfs/m/f')] }), within(path))).toThrow(
    /there is no such file/,
  );
});

test('a bind of a procfs is known as one', () => {
  const mounts = [
    { destination: '/proc', type: 'bind', source: '/proc', options: ['rbind'] },
    { destination: '/etc', type: 'bind', source: '/etc', options: ['rbind'] },
  ];
  expect(gatherRootfs(bare({ mounts }), within(bundle())).procBinds).toEqual(['/proc']);
});

test("the container's groups are found through the mounts that the host has", () => {
  const mounts = [{ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup' }];
  const facts = gatherRootfs(bare({ mounts }), within(bundle()), { cgroupPath: () => '/a/b' });
  for (const h of facts.cgroups.hierarchies.filter((h) => h.root === '/')) {
    expect(facts.cgroupDirectories[h.id]).toBe(`${h.mountPoint}/a/b`);
  }
});
