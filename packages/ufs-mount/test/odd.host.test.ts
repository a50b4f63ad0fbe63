/** Layers that no tool of ours would write and others do: the tree, and what is said of it. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasCommand, lacking, runTool, tempDir, toolEnv } from '../../../test/support.ts';
import { layout, type TarEntry, tar } from './archives.ts';
import { dir, file, link, root } from './layers.ts';
import { treeOf } from './tree.ts';

const reason = lacking('root');
const drivers = ['overlay', 'vfs', ...(hasCommand('fuse-overlayfs') ? ['fuse-overlayfs'] : [])];

/** What a root of these layers is like, and what was said when it was made. */
function seen(driver: string, layers: readonly TarEntry[][]) {
  const directory = tempDir('odd');
  const env = toolEnv({ CTR_STORE: join(directory, 'store') });
  const paths = layers.map((entries, i) => {
    const path = join(directory, `${i}.tar`);
    writeFileSync(path, tar(entries));
    return path;
  });
  const ended = runTool('ufs-mount', [...paths, '--driver', driver, '--temp'], { env });
  const at = ended.stdout.trim();
  if (ended.status !== 0) return { ...ended, names: [], tree: {} };
  try {
    const tree = treeOf(at);
    return {
      ...ended,
      names: Object.keys(tree)
        .filter((name) => !/^\.?$/.test(name))
        .toSorted(),
      tree,
    };
  } finally {
    runTool('ufs-mount', ['--unmount', at], { env });
  }
}

/** Write another digest into the manifest of an image of one layer. */
function nameLayer(image: string, digest: string): void {
  const index = JSON.parse(readFileSync(`${image}/index.json`, 'utf8'));
  const blob = (name: string): string => `${image}/blobs/sha256/${name.slice(7)}`;
  const manifest = JSON.parse(readFileSync(blob(index.manifests[0].digest), 'utf8'));
  manifest.layers[0].digest = digest;
  const text = JSON.stringify(manifest);
  index.manifests[0].digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
  index.manifests[0].size = text.length;
  writeFileSync(blob(index.manifests[0].digest), text);
  writeFileSync(`${image}/index.json`, JSON.stringify(index));
}

describe.skipIf(reason)(`odd layers${reason ? ` (skipped: ${reason})` : ''}`, () => {
  test.each(drivers)('%s: what was a file becomes the directory of an entry', (driver) => {
    const lower = [root, file('x', 'a file'), dir('d'), file('d/f', 'f'), file('keep')];
    const found = seen(driver, [lower, [file('x/y', 'below'), file('d/f/g/h', 'deep')]]);
    expect(found).toMatchObject({ status: 0, stderr: '' });
    expect(found.names).toEqual(['d', 'd/f', 'd/f/g', 'd/f/g/h', 'keep', 'x', 'x/y']);
  });

  test.each(drivers)('%s: a file of the same layer does not, nor does one behind a link', (driver) => {
    for (const entries of [
      [file('x'), file('x/y')],
      [file('f'), link('x', 'f'), file('x/y')],
    ])
      expect(seen(driver, [[root], entries])).toMatchObject({
        status: 125,
        stderr: expect.stringMatching(/cannot be entered: \/x: Not a directory\n$/),
      });
  });

  test.each(drivers)('%s: an opaque root hides all that is below', (driver) => {
    const lower = [root, file('x'), dir('d'), file('d/f')];
    const found = seen(driver, [lower, [file('new'), { name: '.wh..wh..opq' }, dir('d'), file('d/own')]]);
    expect(found).toMatchObject({ status: 0, stderr: '' });
    expect(found.names).toEqual(['d', 'd/own', 'new']);
    // As the lowest layer it hides nothing.
    expect(seen(driver, [[{ name: '.wh..wh..opq' }, file('x')]]).names).toEqual(['x']);
  });

  test('attributes that the file system cannot have are left out and counted, labels are the machine’s', () => {
    const pax = (name: string) => ({
      pax: { [`SCHILY.xattr.${name}`]: 'v', 'SCHILY.xattr.user.ok': 'kept' },
    });
    const found = seen('overlay', [
      [root, file('a', 'x', pax('com.apple.quarantine')), file('s', 'x', pax('security.selinux'))],
      [file('b', 'x', pax('system.nfs4_acl'))],
    ]);
    expect(found).toMatchObject({
      status: 0,
      stderr:
        "ufs-mount: 2 attributes were left out, which the store's file system cannot have: com.apple.quarantine and others\n",
    });
    for (const name of ['a', 's', 'b'])
      expect(Object.keys((found.tree as Record<string, { xattrs: object }>)[name]!.xattrs)).toEqual([
        'user.ok',
      ]);
    expect(seen('overlay', [[file('a', 'x', pax('com.apple.x'))]]).stderr).toBe(
      "ufs-mount: 1 attribute was left out, which the store's file system cannot have: com.apple.x\n",
    );
  });

  test.each(['abc', '1.5x', '', '-', ' 1', '99999999999999999999', '0x10'])(
    'a time of "%s" is none',
    (mtime) => {
      const found = seen('overlay', [[file('a', 'x', { pax: { mtime } })]]);
      // An empty value takes back what was said (pax(1)).
      if (mtime === '') expect(found).toMatchObject({ status: 0 });
      else
        expect(found).toMatchObject({
          status: 125,
          stderr: expect.stringContaining(`the record mtime of an extended header is not a time: ${mtime}`),
        });
    },
  );

  test.each(drivers)(
    '%s: a root that no layer has an entry for has the same time whenever it is made',
    (driver) => {
      const times = [1, 2].map(() => {
        const { tree } = seen(driver, [[file('a')], [file('b')]]);
        const all = tree as Record<string, { mtime: number }>;
        return (all['.'] ?? all[''])?.mtime;
      });
      expect(times[0]).toBe(times[1]);
      expect(times[0]).toBeDefined();
    },
  );

  test('a digest of an algorithm that nobody knows, or in upper case, is said plainly', () => {
    for (const [digest, words] of [
      [`md5:${'a'.repeat(32)}`, 'the algorithm md5 is not known'],
      [`sha256:${'A'.repeat(64)}`, 'lower case'],
    ] as const) {
      const image = layout([tar([file('a')])]);
      const env = toolEnv({ CTR_STORE: tempDir('store') });
      nameLayer(image, digest);
      const ended = runTool('ufs-mount', [`oci:${image}:3`, '--', 'true'], { env });
      expect(ended).toMatchObject({ status: 125, stderr: expect.stringContaining(words) });
      expect(ended.stderr).not.toContain('bug');
    }
  });
});
