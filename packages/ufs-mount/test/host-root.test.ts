import { entriesIn } from '@ctr-tools/host';
import { readMountinfo } from '@ctr-tools/sys/proc';
import { expect, test } from 'vitest';
import { hostTree } from '../src/host-root.ts';

const mount = (mountPoint: string, type: string) => ({ ...readMountinfo()[0]!, mountPoint, type });

test("the machine's root in pieces: no overlay has a mount below it, and nothing is left out", () => {
  const mounts = [
    mount('/', 'ext4'),
    mount('/proc', 'proc'),
    mount('/dev', 'devtmpfs'),
    mount('/usr/lib', 'ext4'),
    mount('/etc/hosts', 'ext4'),
  ];
  const tree = hostTree(mounts);
  for (const at of tree.overlays)
    expect(
      mounts.some(({ mountPoint }) => mountPoint.startsWith(`${at}/`)),
      at,
    ).toBe(false);
  const made = tree.directories.map(([path]) => path);
  expect(made).toEqual(expect.arrayContaining(['/proc', '/dev', '/usr', '/etc']));
  expect(made).not.toContain('/usr/lib');
  expect(tree.overlays).toContain('/usr/lib');
  expect(tree.files).toEqual(expect.arrayContaining(['/etc/passwd', '/etc/hosts']));
  const all = [...made, ...tree.overlays, ...tree.files, ...tree.links.map(([path]) => path)];
  const top = entriesIn('/').filter(({ type }) => ['directory', 'link', 'file'].includes(type));
  expect(all.filter((path) => /^\/[^/]+$/.test(path)).toSorted()).toEqual(
    top.map(({ name }) => `/${name}`).toSorted(),
  );
});
