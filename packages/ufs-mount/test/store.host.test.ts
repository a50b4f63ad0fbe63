/** A layer is in the store whole or not at all, whoever is killed and whoever else is at it. */
import { truncateSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { needs, runShell, runTool, start, tempDir, toolEnv, toolPath } from '../../../test/support.ts';
import { layout, type TarEntry, tar } from './archives.ts';
import { treeOf } from './tree.ts';

const entries: TarEntry[] = [
  { name: './', type: '5' },
  ...Array.from({ length: 2000 }, (_, i) => ({ name: `f${i}`, data: `${i} `.repeat(3000) })),
];
const image = layout([tar(entries)]);

function wholeTree(store: string): void {
  const env = { ...toolEnv(), CTR_STORE: store };
  const { stdout, stderr } = runTool('ufs-mount', [`oci:${image}`, '--temp'], { env });
  expect(stderr).toBe('');
  const root = stdout.trimEnd();
  try {
    const tree = treeOf(root);
    expect(Object.keys(tree)).toHaveLength(2001);
    expect(tree.f1999!.size).toBe('1999 '.length * 3000);
  } finally {
    runTool('ufs-mount', ['--unmount', root], { env });
  }
  expect(runShell(`ls -d ${store}/*/*.new; ls ${store}/tmp`).stdout).toBe('');
}

test('two at once apply a layer once', async (context) => {
  needs(context, 'root');
  const store = tempDir('store');
  const env = { ...toolEnv(), CTR_STORE: store };
  const both = [1, 2].map(() => start(toolPath('ufs-mount'), [`oci:${image}`], { env }));
  for (const one of both) {
    const { status, stdout, stderr } = await one.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    runTool('ufs-mount', ['--unmount', stdout.trimEnd()], { env });
  }
  wholeTree(store);
});

test.each([80, 120, 160, 220, 300])(
  'killed after %i ms, the next one finds nothing or all',
  async (delay) => {
    const store = tempDir('store');
    const env = { ...toolEnv(), CTR_STORE: store };
    const one = start(toolPath('ufs-mount'), [`oci:${image}`], { env });
    await new Promise((resolve) => setTimeout(resolve, delay));
    one.child.kill('SIGKILL');
    const { stdout } = await one.ended;
    wholeTree(store);
    if (stdout) runTool('ufs-mount', ['--unmount', stdout.trimEnd()], { env });
  },
);

test('a full disk is said in words, and leaves nothing', (context) => {
  needs(context, 'root');
  const store = tempDir('full');
  expect(runShell(`mount -t tmpfs -o size=4m none ${store}`).status).toBe(0);
  try {
    const ended = runTool('ufs-mount', [`oci:${image}`], { env: { ...toolEnv(), CTR_STORE: store } });
    expect(ended.status).toBe(125);
    expect(ended.stderr).toMatch(/No space left on device.*\n$/);
    expect(runShell(`ls ${store}/layers | grep -v lock; ls ${store}/roots`).stdout).toBe('');
  } finally {
    runShell(`umount ${store}`);
  }
});

test('an archive that ends too early leaves nothing', (context) => {
  needs(context, 'root');
  const store = tempDir('store');
  const archive = `${tempDir('archive')}/layer.tar`;
  writeFileSync(archive, tar(entries));
  truncateSync(archive, 700_000);
  const ended = runTool('ufs-mount', [archive], { env: { ...toolEnv(), CTR_STORE: store } });
  expect(ended).toMatchObject({ status: 125, stdout: '' });
  expect(ended.stderr).toContain('ends too early');
  expect(runShell(`ls ${store}/layers | grep -v lock; ls ${store}/roots`).stdout).toBe('');
});
