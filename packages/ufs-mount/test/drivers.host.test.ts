/** Every storage driver presents the same tree for the same image, and keeps changes alike. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runShell, runTool, skip, start, tempDir, toolEnv, toolPath, until } from '../../../test/support.ts';
import { busyboxEntries, layout, type TarEntry, tar } from './archives.ts';
import { type DriverName, drivers, lackingDriver, storeOf, ufsOn } from './drivers.ts';
import { treeOf } from './tree.ts';

const old = 1_500_000_000;
const dir = (name: string, more: Partial<TarEntry> = {}): TarEntry => ({
  name: `${name}/`,
  type: '5',
  mtime: old,
  ...more,
});

/** Everything that a layer can hold, and all ways in which one above can change it. */
const layers: TarEntry[][] = [
  [
    ...busyboxEntries(),
    dir('d', { mode: 0o2750, uid: 1, gid: 2 }),
    { name: 'd/suid', data: 'x', mode: 0o6755, uid: 33, gid: 34 },
    { name: 'd/ns', data: 'x', pax: { mtime: '1500000000.123456789' } },
    { name: 'd/link', type: '2', link: 'nowhere' },
    { name: 'd/one', data: 'one' },
    { name: 'd/two', type: '1', link: 'd/one' },
    { name: 'd/char', type: '3', device: [1, 3], mode: 0o666 },
    { name: 'd/block', type: '4', device: [7, 200], mode: 0o600 },
    { name: 'd/fifo', type: '6', mode: 0o640 },
    {
      name: 'd/attr',
      data: 'x',
      pax: {
        'SCHILY.xattr.user.bytes': Buffer.from([0, 1, 0xff, 10, 61]),
        'SCHILY.xattr.security.capability': Buffer.from('0100000200040000000000000000000000000000', 'hex'),
      },
    },
    dir('gone'),
    { name: 'gone/x', data: 'x' },
    dir('opaque'),
    { name: 'opaque/below', data: 'x' },
    { name: 'becomes-dir', data: 'x' },
    dir('becomes-file'),
    { name: 'becomes-file/x', data: 'x' },
  ],
  [
    { name: './', type: '5', mode: 0o755, mtime: old },
    { name: '.wh.gone', data: '' },
    dir('opaque', { mode: 0o700 }),
    { name: 'opaque/above', data: 'y' },
    { name: 'opaque/.wh..wh..opq', data: '' },
    dir('becomes-dir'),
    { name: 'becomes-dir/x', data: 'y' },
    { name: 'becomes-file', data: 'y' },
    dir('d', { mode: 0o2750, uid: 1, gid: 2 }),
    { name: 'd/.wh.two', data: '' },
  ],
];

const image = lackingDriver('vfs') ? '' : layout(layers.map((entries) => tar(entries)));

const mounted: [DriverName, string][] = [];
afterEach(() => {
  for (const [driver, root] of mounted.splice(0).reverse()) ufsOn(driver, ['--unmount', root]);
});

function mount(driver: DriverName, ...more: string[]): string {
  const { stdout, stderr, status } = ufsOn(driver, [`oci:${image}`, '--driver', driver, ...more]);
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  mounted.push([driver, stdout.trimEnd()]);
  return stdout.trimEnd();
}

function unmount(driver: DriverName, root: string): void {
  expect(ufsOn(driver, ['--unmount', root])).toMatchObject({ stderr: '', status: 0 });
  mounted.splice(
    mounted.findIndex(([, at]) => at === root),
    1,
  );
}

const remove = (driver: DriverName, root: string) =>
  expect(ufsOn(driver, ['--remove', basename(dirname(root))])).toMatchObject({ stderr: '', status: 0 });

/** overlayfs counts a name that a layer above hides: a file whose other names are hidden has one name. */
function linked(tree: ReturnType<typeof treeOf>): ReturnType<typeof treeOf> {
  const counts = Object.groupBy(Object.values(tree), ({ same }) => same ?? '');
  for (const one of Object.values(tree)) if (one.same && counts[one.same]?.length === 1) delete one.same;
  return tree;
}

/** The same change, with times that do not depend on when it is made. */
const change = (root: string) =>
  expect(
    runShell(
      `cd ${root} && echo new > tmp/new && rm bin/ls && mkdir a && ln -s x a/l && echo h > a/f && ln a/f a/g &&
       chmod 700 sys && rm -r proc && echo p > proc && mknod a/dev c 1 3 && chmod 644 a/dev && echo more >> d/ns && rm -r opaque &&
       chmod 2750 d && mkdir opaque && chown 5:6 d/suid && chmod 6755 d/suid &&
       touch -hd @1650000000 tmp/new a/l a/f a/dev proc sys d/ns opaque d/suid a bin tmp d .`,
    ),
  ).toMatchObject({ stderr: '', status: 0 });

const changed = [
  'A /a',
  'A /a/dev',
  'A /a/f',
  'A /a/g',
  'A /a/l',
  'C /bin',
  'D /bin/ls',
  'C /d',
  'C /d/ns',
  'C /d/suid',
  'C /opaque',
  'D /opaque/above',
  'C /proc',
  'C /sys',
  'C /tmp',
  'A /tmp/new',
];

/** What the first driver that was tried made of the change. */
let firstListed: string | undefined;
let firstLayer: Buffer | undefined;
let firstTree: ReturnType<typeof treeOf> | undefined;

describe.each(drivers)('%s', (driver) => {
  beforeEach((context) => {
    const why = lackingDriver(driver);
    if (why !== undefined) skip(context, why);
  });

  test('presents what the layers say', () => {
    const tree = treeOf(mount(driver, '--temp'));
    expect(tree['d/suid']).toMatchObject({ mode: '0o106755', owner: [33, 34] });
    expect(tree['d/ns']?.mtime).toBe(1_500_000_000_123_456_800); // as a double has it
    expect(tree['d/char']).toMatchObject({ mode: '0o20666', device: [1, 3] });
    expect(tree['d/block']).toMatchObject({ mode: '0o60600', device: [7, 200] });
    expect(tree['d/fifo']?.mode).toBe('0o10640');
    expect(tree['d/attr']?.xattrs).toEqual({
      'security.capability': '0100000200040000000000000000000000000000',
      'user.bytes': '0001ff0a3d',
    });
    expect(tree.d).toMatchObject({ mode: '0o42750', owner: [1, 2], mtime: old * 1e9 });
    expect(Object.keys(tree).filter((name) => /^(gone|opaque|becomes|d\/two|lost)/.test(name))).toEqual([
      'becomes-dir',
      'becomes-dir/x',
      'becomes-file',
      'opaque',
      'opaque/above',
    ]);
    firstTree ??= linked(tree);
    expect(linked(tree)).toEqual(firstTree);
  });

  test('keeps changes, lists them, and commits the same layer as the others', () => {
    const upper = driver === 'btrfs' ? `${storeOf(driver)}/kept` : `${tempDir('upper')}/kept`;
    const root = mount(driver, '--upper', upper);
    expect(ufsOn(driver, ['--diff', root]).stdout).toBe('');
    change(root);
    const lines = ufsOn(driver, ['--diff', root]).stdout.trimEnd().split('\n');
    expect(lines.filter((line) => line !== 'C /')).toEqual(changed);
    const file = `${tempDir('commit')}/layer`;
    expect(ufsOn(driver, ['--commit', root, file])).toMatchObject({ stderr: '', status: 0 });
    const listed = runShell(`tar -tvf ${file} --full-time --numeric-owner --xattrs`).stdout;
    firstListed ??= listed;
    expect(listed).toBe(firstListed);
    const layer = readFileSync(file);
    firstLayer ??= layer;
    expect(layer.equals(firstLayer)).toBe(true);
    const before = treeOf(root);
    unmount(driver, root);
    const again = mount(driver, '--upper', upper);
    expect(treeOf(again)).toEqual(before);
    unmount(driver, again);
    for (const at of [root, again]) remove(driver, at);
    expect(readdirSync(`${storeOf(driver)}/roots`)).toEqual([]);
  });

  test('shows its layers, and which a path comes from', () => {
    const root = mount(driver, '--temp');
    writeFileSync(`${root}/mine`, '');
    const shown = JSON.parse(ufsOn(driver, ['--show', root, '--json']).stdout);
    expect(shown).toMatchObject({ driver, mounted: true });
    expect(shown.layers).toHaveLength(2);
    for (const layer of shown.layers) expect(layer.entries).toBeGreaterThan(0);
    const [second, first] = shown.layers.map((layer: { id: string }) => `${layer.id}\n`);
    const which = (path: string) => ufsOn(driver, ['--which', `${root}/${path}`]).stdout;
    expect(which('opaque/above')).toBe(second);
    expect(which('bin/sh')).toBe(first);
    expect(which('mine')).toBe('changes\n');
  });

  test('allows no changes with --read-only', () => {
    const root = mount(driver, '--read-only');
    expect(() => writeFileSync(`${root}/new`, '')).toThrow('EROFS');
    expect(existsSync(`${root}/bin/busybox`)).toBe(true);
    unmount(driver, root);
    remove(driver, root);
  });

  test('runs a command whose changes go with it', () => {
    const line = 'echo x > /new && cat /new; exit 7';
    const ended = ufsOn(driver, [`oci:${image}`, '--driver', driver, '--', 'sh', '-c', line]);
    expect(ended).toMatchObject({ stdout: 'x\n', stderr: '', status: 7 });
    expect(readdirSync(`${storeOf(driver)}/roots`).filter((name) => name.startsWith('run-'))).toEqual([]);
  });

  describe('in a container', () => {
    const env = { ...toolEnv(), CTR_STORE: '' };
    beforeEach(() => {
      env.CTR_STORE = storeOf(driver);
    });
    const maps = [{ containerID: 0, hostID: 200_000, size: 65_536 }];
    const run = (mapped: boolean, line: string, ...flags: string[]) => {
      const spec = JSON.parse(runTool('ctr-run', ['spec', '--', 'sh', '-c', line], { env }).stdout);
      spec.root.readonly = false;
      if (mapped) {
        spec.linux.namespaces.push({ type: 'user' });
        Object.assign(spec.linux, { uidMappings: maps, gidMappings: maps });
      }
      const amended = ufsOn(
        driver,
        [`oci:${image}`, '--driver', driver, '--amend', ...flags],
        JSON.stringify(spec),
      );
      expect(amended.stderr).toBe('');
      return runTool('ctr-run', ['run', '-'], { env, input: amended.stdout, timeout: 120_000 });
    };

    test.each([false, true])('its root has the owners of the image; in a user namespace: %s', (mapped) => {
      const line = 'stat -c "%u:%g %a" /d/suid /bin/busybox /; echo x > /new; cat /new; ls /d';
      const ended = run(mapped, line);
      expect(ended).toMatchObject({
        stdout: '33:34 6755\n0:0 755\n0:0 755\nx\nattr\nblock\nchar\nfifo\nlink\nns\none\nsuid\n',
        stderr: '',
        status: 0,
      });
      expect(readdirSync(`${storeOf(driver)}/roots`)).toEqual([]);
    });

    test('a read-only root, and one whose changes are kept', () => {
      expect(run(true, 'echo x > /new', '--read-only').stderr).toContain('Read-only file system');
      const upper = driver === 'btrfs' ? `${storeOf(driver)}/kept-2` : `${tempDir('upper')}/kept`;
      expect(run(true, 'echo kept > /new', '--upper', upper)).toMatchObject({ stderr: '', status: 0 });
      expect(run(true, 'cat /new', '--upper', upper).stdout).toBe('kept\n');
      expect(run(true, 'stat -c %u /new', '--upper', upper).stdout).toBe('0\n');
    });
  });

  test('has layers whole or not at all, whoever is killed while it makes them', async () => {
    for (const delay of [150, 300, 500, 800]) {
      expect(ufsOn(driver, ['--gc'])).toMatchObject({ stderr: '', status: 0 });
      const own = { ...toolEnv(), CTR_STORE: storeOf(driver) };
      const { child, ended } = start(
        toolPath('ufs-mount'),
        [`oci:${image}`, '--driver', driver, '--temp', '--target', `${tempDir('killed')}/root`],
        { env: own },
      );
      await new Promise((resolve) => setTimeout(resolve, delay));
      child.kill('SIGKILL');
      await ended;
    }
    // Where it was quicker than we.
    for (const root of JSON.parse(ufsOn(driver, ['--list', '--json']).stdout).roots)
      expect(ufsOn(driver, ['--unmount', root.id])).toMatchObject({ stderr: '', status: 0 });
    const tree = treeOf(mount(driver, '--temp'));
    firstTree ??= linked(tree);
    expect(linked(tree)).toEqual(firstTree);
    for (const [, root] of mounted.splice(0)) expect(ufsOn(driver, ['--unmount', root]).stderr).toBe('');
    expect(ufsOn(driver, ['--gc']).stderr).toBe('');
    expect(readdirSync(`${storeOf(driver)}/roots`)).toEqual([]);
    // udev looks into a device that changes, and a loop device goes with its last user (loop(4), autoclear).
    const left = (): boolean => /ctr-[0-9a-f]+-|loop\/data/.test(runShell('dmsetup ls; losetup -a').stdout);
    if (driver === 'devicemapper') await until('devices have gone', () => !left());
  });

  test('--gc removes what nothing uses', () => {
    const root = mount(driver, '--temp');
    expect(ufsOn(driver, ['--gc']).stdout).toBe('0 layers removed\n');
    unmount(driver, root);
    expect(ufsOn(driver, ['--gc'])).toMatchObject({
      stderr: '',
      stdout: expect.stringMatching(/^[2-9] layers/),
    });
    expect(ufsOn(driver, ['--gc']).stdout).toBe('0 layers removed\n');
    expect(basename(dirname(root))).toMatch(/^\w{6}$/);
    expect(statSync(storeOf(driver)).isDirectory()).toBe(true);
  });
});

test('aufs is refused by name where the kernel has none, before anything is made', (context) => {
  const why = lackingDriver('vfs');
  if (why !== undefined) skip(context, why);
  if (/\taufs$/m.test(readFileSync('/proc/filesystems', 'utf8'))) skip(context, 'this kernel has aufs');
  const store = tempDir('store-aufs');
  const ended = runTool('ufs-mount', [`oci:${image}`, '--driver', 'aufs'], {
    env: { ...toolEnv(), CTR_STORE: store },
  });
  expect(ended).toMatchObject({ stdout: '', status: 125 });
  expect(ended.stderr).toBe(
    'ufs-mount: --driver aufs: the running kernel has no aufs (it is not part of Linux); overlay does the same\n',
  );
  expect(readdirSync(store)).toEqual([]);
});
