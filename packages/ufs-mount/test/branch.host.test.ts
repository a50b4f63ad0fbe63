/** A layer as a branch of aufs is what GNU tar unpacks of the layer: OCI's whiteouts are aufs's own. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compile, encode, step } from '@ctr-tools/plan';
import { expect, test } from 'vitest';
import { needs, run, runTool, tempDir } from '../../../test/support.ts';
import { layersStep } from '../src/layers-request.ts';
import { layout, tar } from './archives.ts';
import { dir, file, hard, link, opaque, root, storeAt, white } from './layers.ts';
import { treeOf } from './tree.ts';

test('whiteouts, opaque directories and everything else', (context) => {
  needs(context, 'root');
  const work = tempDir('branch');
  const upper = tar([
    root,
    dir('d', { uid: 3, gid: 4, mode: 0o2750 }),
    white('d/gone'),
    file('d/kept', 'k', { mode: 0o4711, uid: 5, gid: 6 }),
    hard('d/again', 'd/kept'),
    link('d/link', 'kept'),
    dir('o'),
    opaque('o'),
    file('o/above'),
    dir('o/in'),
    white('o/in/x'),
    white('top'),
    { name: 'null', type: '3', device: [1, 3] },
  ]);
  const store = storeAt();
  const from = layout([tar([root, file('top'), dir('d'), file('d/gone'), dir('o'), file('o/below')]), upper]);
  store.within(`oci:${from}`, () => {
    const layers = join(store.path, 'layers');
    const marked = readdirSync(layers).find(
      (name) => run('test', ['-e', `${layers}/${name}/tree/null`]).status === 0,
    );
    const to = join(work, 'branch');
    mkdirSync(to);
    const plan = compile(
      [
        [
          layersStep('state', 'branch', { from: `${layers}/${marked}/tree`, to }, 'make a branch'),
          step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' }),
        ],
      ],
      { tool: 'ufs-mount', exit: 125 },
    );
    writeFileSync(join(work, 'plan'), encode(plan));
    expect(runTool('ctr-launcher', ['--plan', join(work, 'plan')])).toMatchObject({ status: 0, stderr: '' });
  });
  writeFileSync(join(work, 'upper.tar'), upper);
  mkdirSync(join(work, 'plain'));
  expect(
    run('tar', ['-xpf', join(work, 'upper.tar'), '-C', join(work, 'plain'), '--numeric-owner']).status,
  ).toBe(0);
  const tree = (path: string) => {
    const seen = treeOf(path);
    // Marks are empty files, whose owner, mode and time mean nothing; making one changes its directory's time.
    for (const [name, one] of Object.entries(seen))
      seen[name] = /(^|\/)\.wh\./.test(name) ? { ...one, mode: 'any', owner: [0, 0], mtime: 0 } : one;
    return seen;
  };
  const [ours, theirs] = [tree(join(work, 'branch')), tree(join(work, 'plain'))];
  expect(Object.keys(ours)).toEqual([
    ...['', '.wh.top', 'd', 'd/.wh.gone', 'd/again', 'd/kept', 'd/link', 'null'],
    ...['o', 'o/.wh..wh..opq', 'o/above', 'o/in', 'o/in/.wh.x'],
  ]);
  expect(ours).toEqual(theirs);
  expect(run('getfattr', ['-Rdm', '.', join(work, 'branch')]).stdout).toBe('');
});
