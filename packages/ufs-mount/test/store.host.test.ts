/** A layer is in the store whole or not at all, whoever is killed and whoever else is at it. */
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { expect, test } from 'vitest';
import {
  isRoot,
  needs,
  run,
  runShell,
  runTool,
  slower,
  start,
  tempDir,
  toolEnv,
  toolPath,
  until,
} from '../../../test/support.ts';
import { layout, type TarEntry, tar } from './archives.ts';
import { treeOf } from './tree.ts';

/** How many files the layer has: enough to be killed among them. */
const files = slower > 1 ? 400 : 2000;
const last = `f${files - 1}`;
const entries: TarEntry[] = [
  { name: './', type: '5' },
  ...Array.from({ length: files }, (_, i) => ({ name: `f${i}`, data: `${i} `.repeat(3000) })),
];
const image = layout([tar(entries)]);

function wholeTree(store: string): void {
  const env = { ...toolEnv(), CTR_STORE: store };
  const { stdout, stderr } = runTool('ufs-mount', [`oci:${image}`, '--temp'], { env });
  expect(stderr).toBe('');
  const root = stdout.trimEnd();
  try {
    const tree = treeOf(root);
    expect(Object.keys(tree)).toHaveLength(files + 1);
    expect(tree[last]!.size).toBe(`${files - 1} `.length * 3000);
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

test.each(slower > 1 ? [160] : [80, 120, 160, 220, 300])(
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

/**
 * What is done to make a layer, in its order: the lock, its directories, its files with their
 * content and times, what is said of it, its name, and the chain's.
 */
const stages = [
  'flock:1',
  'mkdir:8',
  'openat:1',
  `openat:${files / 2}`,
  'pwrite64:1',
  `pwrite64:${(files * 3) / 4}`,
  'utimensat:1',
  `utimensat:${files + 1}`,
  'rename:1',
  'symlink:1',
  'write:1',
];

// What is not there once it has its name is of interest on every kernel; how far it came before, on one.
const tried = slower > 1 ? stages.filter((stage) => /^(pwrite64:3|rename|symlink)/.test(stage)) : stages;

test.for(tried)('killed at %s, the next one finds nothing or all', (stage, context) => {
  needs(context, 'root', 'command:strace');
  const store = tempDir('store');
  const env = { ...toolEnv(), CTR_STORE: store };
  const [call, when] = stage.split(':');
  // The call is not carried out; whoever makes it is killed, and by that those who wait for it.
  const inject = `inject=${call}:error=EIO:signal=SIGKILL:when=${when}`;
  const traced = ['-f', '-qqq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject];
  const killed = run('strace', [...traced, toolPath('ufs-mount'), `oci:${image}`, '--temp'], {
    env,
    timeout: 120_000,
  });
  if (killed.status === 0) runTool('ufs-mount', ['--unmount', killed.stdout.trimEnd()], { env });
  wholeTree(store);
});

/** What is half made in a store. */
const halfMade = (store: string): string => runShell(`ls -d ${store}/*/*.new`).stdout;

test.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)(
  'ended by %s, it takes away what it had half made',
  async (signal) => {
    if (!isRoot) return;
    const store = tempDir('store');
    const env = { ...toolEnv(), CTR_STORE: store };
    const one = start(toolPath('ufs-mount'), [`oci:${image}`], { env });
    await until('a layer is half made', () => halfMade(store) !== '');
    one.child.kill(signal);
    expect(await one.ended).toMatchObject({ signal, stderr: '' });
    await until('nothing is half made any more', () => halfMade(store) === '');
    wholeTree(store);
  },
);

test('where one layer is refused, the others that were begun are taken away', (context) => {
  needs(context, 'root');
  const store = tempDir('store');
  const many = Array.from({ length: 3 }, (_, i) => [{ name: `big${i}`, data: Buffer.alloc(64 << 20, i) }]);
  const images = layout([
    ...many.map((one) => tar([entries[0]!, ...one])),
    Buffer.from('no archive'.repeat(100)),
  ]);
  const { status, stderr } = runTool('ufs-mount', [`oci:${images}`], {
    env: { ...toolEnv(), CTR_STORE: store },
  });
  expect(status).toBe(125);
  expect(stderr).toContain('this is not a tar archive');
  expect(halfMade(store)).toBe('');
});

/** The layer's directory in a store that has one. */
const layerOf = (store: string) =>
  `${store}/layers/${readdirSync(`${store}/layers`).find((name) => /^[0-9a-f]+$/.test(name))}`;

test('a layer is believed for the boot that made it, and for good when it has come to the disk', (context) => {
  needs(context, 'root');
  const store = tempDir('store');
  wholeTree(store);
  const layer = layerOf(store);
  expect(readFileSync(`${layer}/boot`)).toEqual(readFileSync('/proc/sys/kernel/random/boot_id'));
  expect(existsSync(`${layer}/durable`)).toBe(false);
  // Power failed: the names are there, and some content is not.
  const spoil = () => {
    truncateSync(`${layer}/tree/${last}`, 0);
    rmSync(`${layer}/tree/f7`);
    writeFileSync(`${layer}/boot`, '00000000-0000-4000-8000-000000000000\n');
  };
  spoil();
  wholeTree(store);
  rmSync(`${layer}/boot`);
  truncateSync(`${layer}/tree/${last}`, 0);
  wholeTree(store);
  // After a minute the next mount has the rest of it written.
  const before = new Date(Date.now() - 120_000);
  utimesSync(`${layer}/boot`, before, before);
  wholeTree(store);
  expect(existsSync(`${layer}/durable`)).toBe(true);
  writeFileSync(`${layer}/boot`, '');
  wholeTree(store);
  expect(existsSync(`${layer}/durable`)).toBe(true);
  expect(runTool('ufs-mount', ['--gc'], { env: { ...toolEnv(), CTR_STORE: store } }).stdout).toBe(
    '1 layer removed\n',
  );
});

test('--gc removes what was left half made, and does not count it', (context) => {
  needs(context, 'root');
  const store = tempDir('store');
  wholeTree(store);
  runShell(`cd ${store} && mkdir -p layers/00.new/tree chains/00.new/tree && touch tmp/x layers/00.lock`);
  expect(runTool('ufs-mount', ['--gc'], { env: { ...toolEnv(), CTR_STORE: store } }).stdout).toBe(
    '1 layer removed\n',
  );
  expect(runShell(`cd ${store} && ls layers chains tmp roots`).stdout).toBe(
    'chains:\n\nlayers:\n\nroots:\n\ntmp:\n',
  );
});

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

test('--list of a store that cannot be read is an error, and of one that is not there is not', (context) => {
  needs(context, 'root');
  const directory = tempDir('unreadable');
  runShell(
    `mkdir ${directory}/layers; chmod 711 ${directory}; chmod 700 ${directory}/layers; chmod a+x ${directory}/..`,
  );
  const listed = (store: string) =>
    runTool('ufs-mount', ['--list'], { env: { ...toolEnv(), CTR_STORE: store }, uid: 65534, gid: 65534 });
  expect(listed(directory)).toMatchObject({
    status: 125,
    stdout: '',
    stderr: `ufs-mount: read the store ${directory}: Permission denied\n`,
  });
  runShell(`chmod 755 ${directory}`);
  expect(listed(directory).stderr).toBe(`ufs-mount: read the store ${directory}/layers: Permission denied\n`);
  expect(listed('/etc/passwd')).toMatchObject({
    status: 125,
    stderr: expect.stringContaining('Not a directory'),
  });
  expect(listed('/tmp/ctr-no-such-store')).toMatchObject({ status: 0, stdout: '' });
});
