import { mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  atFileEnd,
  hasCommand,
  isRoot,
  needs,
  run,
  runShell,
  runTool,
  skip,
  slower,
  tempDir,
  toolEnv,
} from '../../../test/support.ts';
import { layout, type TarEntry, tar } from './archives.ts';
import { dir, file, hard, link, opaque, root, white } from './layers.ts';
import { treeOf } from './tree.ts';

const stores: Record<string, string> = {};

/** A btrfs made in a file, where mkfs.btrfs is to be had. */
function btrfsStore(): string | undefined {
  if (!hasCommand('mkfs.btrfs')) return undefined;
  const directory = tempDir('btrfs');
  writeFileSync(`${directory}/disk`, '');
  truncateSync(`${directory}/disk`, 512 << 20);
  mkdirSync(`${directory}/mnt`);
  const made = runShell(
    `mkfs.btrfs -q ${directory}/disk && mount -o loop ${directory}/disk ${directory}/mnt`,
  );
  if (made.status !== 0) return undefined;
  atFileEnd(() => runShell(`umount ${directory}/mnt`));
  return `${directory}/mnt`;
}

const drivers = ['overlay', 'vfs', 'fuse-overlayfs', 'btrfs'];

function storeFor(driver: string): string | undefined {
  stores[driver] ??= (driver === 'btrfs' ? btrfsStore() : tempDir(`store-${driver}`)) ?? '';
  return stores[driver] || undefined;
}

/** The tree of an image by a driver; what was mounted is gone again. */
function seen(image: string, driver = 'overlay') {
  const env = { ...toolEnv(), CTR_STORE: storeFor(driver)! };
  const { stdout, stderr, status } = runTool('ufs-mount', [`oci:${image}`, '--driver', driver, '--temp'], {
    env,
  });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  const root = stdout.trimEnd();
  try {
    return treeOf(root);
  } finally {
    expect(runTool('ufs-mount', ['--unmount', root], { env }).stderr).toBe('');
  }
}

const everything: TarEntry[] = [
  root,
  dir('d', { mode: 0o2750, uid: 1, gid: 2, mtime: 1_500_000_000 }),
  file('d/suid', 'x', { mode: 0o6755, uid: 33, gid: 34 }),
  file('d/ns', 'x', { pax: { mtime: '1500000000.123456789' } }),
  file('d/before', 'x', { pax: { mtime: '-1.25' } }),
  link('d/link', 'nowhere'),
  file('d/one', 'one'),
  hard('d/two', 'd/one'),
  { name: 'd/char', type: '3', device: [1, 3], mode: 0o666 },
  { name: 'd/block', type: '4', device: [7, 200], mode: 0o600 },
  { name: 'd/fifo', type: '6', mode: 0o640 },
  file('d/attr', 'x', {
    pax: {
      'SCHILY.xattr.user.bytes': Buffer.from([0, 1, 0xff, 10, 61]),
      'SCHILY.xattr.security.capability': Buffer.from('0100000200040000000000000000000000000000', 'hex'),
    },
  }),
  { name: Buffer.concat([Buffer.from('d/'), Buffer.from([0xff, 0xfe, 0x41])]), data: 'bytes' },
  file('pax', 'long', { pax: { path: `d/${'n'.repeat(200)}/${'m'.repeat(120)}` } }),
  { name: 'big', data: '', pax: { uid: '3000000', gid: '3000001' } },
];

const cases: Record<string, readonly (readonly TarEntry[])[]> = {
  'all types of entries with all they can say': [everything],
  'a file and a directory hidden by a layer above': [
    [root, dir('a'), file('a/x'), file('a/y'), dir('a/sub'), file('a/sub/z')],
    [root, dir('a'), white('a/x'), white('a/sub')],
  ],
  'an opaque directory, said first': [
    [root, dir('a'), file('a/x'), dir('a/s'), file('a/s/y')],
    [root, dir('a'), opaque('a'), file('a/new')],
  ],
  'an opaque directory, said last': [
    [root, dir('a'), file('a/x'), dir('a/s'), file('a/s/y')],
    [root, dir('a'), file('a/new'), dir('a/s'), file('a/s/new'), opaque('a')],
  ],
  'a whiteout of what is in the same layer hides only what is below': [
    [root, dir('a'), file('a/x', 'old'), dir('a/s'), file('a/s/old')],
    [root, dir('a'), file('a/x', 'new'), white('a/x'), dir('a/s'), file('a/s/new'), white('a/s')],
  ],
  'a whiteout before what comes in its place': [
    [root, dir('a'), file('a/old')],
    [root, white('a'), dir('a'), file('a/new')],
  ],
  'types that replace one another': [
    [
      root,
      dir('dir-to-file'),
      file('dir-to-file/x'),
      file('file-to-dir'),
      link('link-to-file', 'elsewhere'),
      dir('dir-to-link'),
      file('dir-to-link/x'),
    ],
    [
      root,
      file('dir-to-file'),
      dir('file-to-dir'),
      file('file-to-dir/x'),
      file('link-to-file'),
      link('dir-to-link', 'file-to-dir'),
    ],
  ],
  'the same name twice in a layer': [
    [root, file('x', 'first'), dir('y'), file('y/z'), file('x', 'second'), file('y', 'a file')],
  ],
  'a directory that only gets other attributes keeps what is in it': [
    [root, dir('a'), file('a/x')],
    [root, dir('a', { mode: 0o700, uid: 5, mtime: 1_400_000_000 })],
  ],
  'an entry whose directory only a layer below names': [
    [root, dir('a', { mode: 0o700, uid: 7, mtime: 1_400_000_000 }), file('a/x')],
    [root, file('a/y')],
  ],
  'an entry through a link of a layer below': [
    [root, dir('usr'), dir('usr/lib'), file('usr/lib/x'), link('lib', 'usr/lib')],
    [root, file('lib/y')],
  ],
  'a hard link to a file of a layer below': [
    [root, dir('a'), file('a/x', 'one')],
    [root, dir('a'), hard('a/y', 'a/x')],
  ],
  'a whiteout in a directory that only a layer below names': [
    [root, dir('a'), dir('a/b'), file('a/b/x'), file('a/b/y')],
    [root, white('a/b/x')],
  ],
  'three layers that hide and show again': [
    [root, dir('a'), file('a/x', '1')],
    [root, white('a')],
    [root, dir('a'), file('a/z', '3')],
  ],
};

/** Times of 2024 and later are those of the test's own run: a directory that no layer names has one. */
const NOW = 1_704_067_200e9;

/** What layers say of a tree, and `now` for times that they do not. */
const said = (tree: ReturnType<typeof treeOf>) =>
  Object.fromEntries(
    Object.entries(tree)
      .filter(([name]) => name !== '')
      .map(([name, one]) => [name, one.mtime > NOW ? { ...one, mtime: 'now' } : one]),
  );

/** umoci leaves the time of its own work on directories that it enters again after their entry. */
function alike(ours: ReturnType<typeof said>, theirs: ReturnType<typeof said>) {
  const same = Object.entries(theirs).map(([name, one]) =>
    one.mtime === 'now' && ours[name] ? [name, { ...one, mtime: ours[name].mtime }] : [name, one],
  );
  return Object.fromEntries(same);
}

/** One image in which each case has a directory of its own. */
function together(): TarEntry[][] {
  const layers: TarEntry[][] = [];
  for (const [number, one] of Object.values(cases).entries()) {
    const within = <T extends string | Buffer>(name: T): T =>
      (typeof name === 'string'
        ? `c${number}/${name}`
        : Buffer.concat([Buffer.from(`c${number}/`), name])) as T;
    for (const [level, entries] of one.entries()) {
      layers[level] ??= [root];
      layers[level].push(dir(`c${number}`));
      for (const entry of entries.filter((each) => each !== root)) {
        const { name, link: to, type, pax } = entry;
        layers[level].push({
          ...entry,
          name: within(name),
          ...(type === '1' && to !== undefined && { link: within(to) }),
          ...(pax?.path !== undefined && { pax: { ...pax, path: within(pax.path) } }),
        });
      }
    }
  }
  return layers;
}

// Where each start of a program takes a second, all cases are tried by one.
const tried = slower > 1 ? { 'all cases in one image': together() } : cases;

describe.each(Object.entries(tried))('%s', (_name, layers) => {
  const image = isRoot ? layout(layers.map((entries) => tar(entries))) : '';

  test('as umoci unpacks it', (context) => {
    needs(context, 'root', 'command:umoci');
    const bundle = `${tempDir('umoci')}/bundle`;
    const unpacked = run('umoci', ['unpack', '--image', `${image}:3`, bundle]);
    if (unpacked.status !== 0) return context.skip(`umoci refuses it: ${unpacked.stderr.slice(0, 200)}`);
    const ours = said(seen(image));
    expect(ours).toEqual(alike(ours, said(treeOf(`${bundle}/rootfs`))));
  });

  test.for(drivers.slice(1))('the same tree by %s', (driver, context) => {
    needs(context, 'root');
    if (driver === 'fuse-overlayfs') needs(context, 'command:fuse-overlayfs', 'file:/dev/fuse');
    if (!storeFor(driver)) skip(context, `no file system here is for the driver ${driver}`);
    expect(said(seen(image, driver))).toEqual(said(seen(image)));
  });
});

test('the root directory is as the topmost layer that names it says', (context) => {
  needs(context, 'root');
  const layers = [[{ ...root, mode: 0o711, uid: 9 }, file('a')], [file('b')]];
  for (const driver of ['overlay', 'vfs']) {
    expect(seen(layout(layers.map((entries) => tar(entries))), driver)['']).toMatchObject({
      mode: '0o40711',
      owner: [9, 0],
    });
  }
});

test('sparse files stay sparse', (context) => {
  needs(context, 'root');
  const from = tempDir('sparse');
  runShell(
    `truncate -s 64M ${from}/holes; printf data | dd of=${from}/holes bs=1 seek=40000000 conv=notrunc status=none`,
  );
  const env = { ...toolEnv(), CTR_STORE: storeFor('overlay')! };
  for (const format of [
    '--format=gnu',
    '--format=pax --sparse-version=1.0',
    '--format=pax --sparse-version=0.1',
    '--format=pax --sparse-version=0.0',
  ]) {
    runShell(`tar -C ${from} ${format} --sparse -cf ${from}/layer.tar holes`);
    const target = `${tempDir('at')}/root`;
    expect(runTool('ufs-mount', [`${from}/layer.tar`, '--target', target, '--temp'], { env }).stderr).toBe(
      '',
    );
    expect(runShell(`cmp ${from}/holes ${target}/holes`).stdout).toBe('');
    expect(statSync(`${target}/holes`).blocks * 512).toBeLessThan(1 << 20);
    runTool('ufs-mount', ['--unmount', target], { env });
  }
});
