import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { skip } from '../../test/support.ts';
import { O_ROOT, slot, work } from './launcher.ts';
import { inside, op, sh } from './ops.ts';

const RDONLY = 1;
const NODEV = 4;
const NOSUID = 2;
const root = slot('root');

let count = 0;
/** A fresh directory to be a root. */
function rootfs(): string {
  const path = join(work, `root-${count++}`);
  mkdirSync(path);
  return path;
}
const openRoot = (path: string) => op('open', { path, flags: O_ROOT, fd: root });
const mount = (type: string, target: string, flags = 0, data = '', source = type) =>
  op('mount', { root, target, type, source, flags, data, make: 'directory' });
const lineOf = (target: string) => `grep " ${target} " /proc/self/mountinfo`;

test.each([
  ['proc', ''],
  ['sysfs', ''],
  ['tmpfs', 'mode=700,size=64k'],
  ['devpts', 'newinstance,ptmxmode=0666,mode=0620,gid=5'],
  ['mqueue', ''],
  ['cgroup', 'freezer'],
  ['cgroup', 'none,name=systemd'],
  ['cgroup2', ''],
])('%s (%s) mounts with its options', (type, data) => {
  const path = rootfs();
  const { stdout, stderr, status } = inside([
    openRoot(path),
    mount(type, '/a/b', NOSUID, data),
    sh(lineOf(`${path}/a/b`)),
  ]);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toMatch(new RegExp(` rw,nosuid,relatime .*- ${type} ${type} `));
  if (type === 'tmpfs') expect(stdout).toContain('size=64k,mode=700');
});

test('cgroup v1 mounts the controllers of a hierarchy, be it several', (context) => {
  // A controller can be mounted only with those that share its hierarchy (cgroups(7)).
  const hierarchies = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .map((line) => line.split(':')[1] ?? '')
    .filter((names) => names !== '' && !names.includes('='));
  const names = hierarchies.find((several) => several.includes(',')) ?? hierarchies[0];
  if (names === undefined) skip(context, 'no controller has a cgroup v1 hierarchy');
  const path = rootfs();
  const { stderr, stdout, status } = inside([
    openRoot(path),
    mount('cgroup', '/a', RDONLY, names),
    sh(lineOf(`${path}/a`)),
  ]);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/ ro,relatime /);
  expect(stdout.trim().split(/[ ,]/)).toEqual(expect.arrayContaining(names.split(',')));
});

test('the words of the kernel come with a refusal', () => {
  const { stderr, status } = inside([openRoot(rootfs()), mount('tmpfs', '/a', 0, 'siez=4')]);
  expect(status).toBe(125);
  expect(stderr).toMatch(/Unknown parameter 'siez'/);
});

test('an unknown filesystem is named', () => {
  expect(inside([openRoot(rootfs()), mount('nosuchfs', '/a')]).stderr).toMatch(/no filesystem nosuchfs/);
});

test('an option longer than fsconfig takes goes by mount(2)', () => {
  const path = rootfs();
  const lower = `${'x'.repeat(200)}/${'y'.repeat(200)}`;
  mkdirSync(join(path, lower), { recursive: true });
  mkdirSync(join(path, 'other'));
  const { status, stderr } = inside([
    openRoot(path),
    mount('overlay', '/m', RDONLY, `lowerdir=${path}/${lower}:${path}/other`, 'overlay'),
    sh(lineOf(`${path}/m`)),
  ]);
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

test('a remount changes what is there', () => {
  const path = rootfs();
  const { stdout } = inside([
    openRoot(path),
    mount('tmpfs', '/a'),
    op('mount', { root, target: '/a', type: '', source: '', flags: 32 | RDONLY, data: '', make: 'nothing' }),
    sh(lineOf(`${path}/a`)),
  ]);
  expect(stdout).toMatch(/ ro,relatime - tmpfs tmpfs ro/);
});

const bind = (source: string, target: string, more: object = {}) =>
  op('bind', {
    root,
    target,
    source,
    fd: -1,
    recursive: 0,
    set: 0,
    clear: 0,
    propagation: 0,
    userns: -1,
    make: 'like_source',
    ...more,
  });

test('a bind makes its target what the source is', () => {
  const path = rootfs();
  const file = join(work, 'file');
  writeFileSync(file, 'content');
  mkdirSync(join(work, 'dir/sub'), { recursive: true });
  const { stdout, stderr } = inside([
    openRoot(path),
    bind(file, '/x/file', { set: RDONLY }),
    bind(join(work, 'dir'), '/y/dir'),
    sh(`cat ${path}/x/file; ls ${path}/y/dir; touch ${path}/x/file`),
  ]);
  expect(stdout).toBe('contentsub\n');
  expect(stderr).toMatch(/Read-only file system/);
  expect(existsSync(join(path, 'y/dir'))).toBe(true);
});

test('recursive attributes reach the mounts below', () => {
  const path = rootfs();
  const tree = join(work, 'tree');
  mkdirSync(join(tree, 'sub'), { recursive: true });
  const { stdout } = inside(
    [
      openRoot(path),
      bind(tree, '/t', { recursive: 3, set: RDONLY }),
      sh(`grep " ${path}/t" /proc/self/mountinfo`),
    ],
    '--mount',
    `mount -t tmpfs x ${tree}/sub`,
  );
  expect(
    stdout
      .trim()
      .split('\n')
      .map((l) => l.split(' ')[5]),
  ).toEqual(['ro,relatime', 'ro,relatime']);
});

test('propagation is set after the mount has joined a shared one', () => {
  const path = rootfs();
  const { stdout } = inside(
    [
      openRoot(path),
      bind('/usr', '/p', { propagation: 1 << 18 }),
      bind('/usr', '/s', { propagation: 0 }),
      sh(`grep " ${path}/" /proc/self/mountinfo`),
    ],
    '--mount',
    `mount --bind ${path} ${path} && mount --make-shared ${path}`,
  );
  expect(stdout).toMatch(/\/p [^\n]*relatime - /);
  expect(stdout).toMatch(/\/s [^\n]*shared:\d+ - /);
});

test('a tree opened before the view of the host is gone mounts after', () => {
  const path = rootfs();
  const tree = slot('tree');
  mkdirSync(join(path, 'at'));
  const { stdout, stderr } = inside([
    op('open_tree', { path: '/usr', recursive: 0, fd: tree }),
    op('root_mount', { path, root }),
    op('change_root', { root }),
    op('bind', {
      root: -1,
      target: '/at',
      source: '',
      fd: tree,
      recursive: 0,
      set: RDONLY,
      clear: 0,
      propagation: 0,
      userns: -1,
      make: 'nothing',
    }),
    step_ls('/at'),
  ]);
  expect(stderr).toBe('');
  expect(stdout).toContain('bin');
});

/** ls without a shell of its own: the binary is the mounted one. */
function step_ls(path: string) {
  return { ...sh(''), args: { file: `${path}/bin/busybox`, argv: ['ls', path] } };
}

test('in a user namespace locked flags survive what only follows, and what is to clear them fails', () => {
  const path = rootfs();
  const bound = (attributes: { clear?: number; lift?: number; set?: number }) =>
    inside(
      [
        openRoot(path),
        bind(`${work}/locked`, '/b', attributes),
        sh(`grep " ${path}/b " /proc/self/mountinfo`),
      ],
      '--mount',
      `mkdir -p ${work}/locked && mount -t tmpfs -o ro,nosuid x ${work}/locked && exec unshare --user --map-root-user --mount "$L" --plan "$P"; true`,
    );
  const lifted = bound({ lift: RDONLY | NOSUID, set: NODEV });
  expect(lifted.stderr).toBe('');
  expect(lifted.stdout).toMatch(/ ro,nosuid,nodev/);
  expect(bound({ clear: RDONLY }).stderr).toMatch(/Operation not permitted/);
});

test('masked paths are empty, unreadable and need not exist', () => {
  const path = rootfs();
  mkdirSync(join(path, 'dev'));
  mkdirSync(join(path, 'secret1'));
  mkdirSync(join(path, 'secret2'));
  writeFileSync(join(path, 'secret1/key'), 'k');
  writeFileSync(join(path, 'file'), 'k');
  const { stdout, stderr } = inside([
    openRoot(path),
    op('device', { root, path: '/dev/null', mode: 0o20666, dev: 0x103, uid: 0, gid: 0, bind: 0 }),
    ...['/secret1', '/secret2', '/file', '/missing', '/missing/below'].map((p) =>
      op('mask', { root, path: p }),
    ),
    sh(
      `cd ${path}; cat file; ls -A secret1 secret2; touch secret1/x; grep -c " ${path}/secret" /proc/self/mountinfo`,
    ),
  ]);
  expect(stdout).toBe('secret1:\n\nsecret2:\n2\n');
  expect(stderr).toMatch(/Read-only file system/);
});

/** What stands at /dev/null of a root, by a shell line. CVE-2025-31133: what is masked then shows that instead. */
test.each([
  ['a link', 'ln -s /etc/passwd dev/null', false],
  ['an ordinary file', 'echo secret >dev/null', false],
  ['a directory', 'mkdir dev/null', false],
  ['another character device', 'mknod dev/null c 1 5', false],
  ['one with its minor number', 'mknod dev/null c 5 3', false],
  ['a block device of its numbers', 'mknod dev/null b 1 3', false],
  ['the null device', 'mknod dev/null c 1 3', true],
])('masking trusts a /dev/null only if it is the null device: %s', (_, line, trusted) => {
  const path = rootfs();
  mkdirSync(join(path, 'dev'));
  writeFileSync(join(path, 'file'), 'k');
  const masked = inside(
    [openRoot(path), op('mask', { root, path: '/file' }), sh(`stat -L -c %t:%T ${path}/file`)],
    '--mount',
    `cd ${path} && ${line}`,
  );
  expect(masked).toMatchObject(
    trusted
      ? { status: 0, stdout: '1:3\n', stderr: '' }
      : { status: 125, stdout: '', stderr: expect.stringContaining('not the null device') },
  );
});

test('the control: without the check any character device would be shown in place of what is masked', () => {
  const path = rootfs();
  mkdirSync(join(path, 'dev'));
  writeFileSync(join(path, 'file'), 'k');
  const bound = inside(
    [openRoot(path), sh(`mount --bind ${path}/dev/null ${path}/file && stat -c %t:%T ${path}/file`)],
    '--mount',
    `cd ${path} && mknod dev/null c 1 5`,
  );
  expect(bound).toMatchObject({ status: 0, stdout: '1:5\n' });
});

test('readonly takes writing from a path and keeps its content', () => {
  const path = rootfs();
  mkdirSync(join(path, 'd'));
  writeFileSync(join(path, 'd/f'), 'f');
  const { stdout, stderr } = inside([
    openRoot(path),
    op('readonly', { root, path: '/d' }),
    op('readonly', { root, path: '/none' }),
    sh(`cat ${path}/d/f; touch ${path}/d/g`),
  ]);
  expect(stdout).toBe('f');
  expect(stderr).toMatch(/Read-only file system/);
});

test('mount_attr changes one mount', () => {
  const path = rootfs();
  const { stdout } = inside([
    openRoot(path),
    mount('tmpfs', '/a', NOSUID),
    op('mount_attr', {
      root,
      target: '/a',
      set: 8 | 0x10,
      clear: NOSUID,
      propagation: 1 << 20,
      recursive: 0,
    }),
    sh(lineOf(`${path}/a`)),
  ]);
  expect(stdout).toMatch(/ rw,noexec,noatime shared:\d+ - tmpfs/);
});

test('tmp_copy_up keeps content, owners, modes and links', () => {
  const path = rootfs();
  mkdirSync(join(path, 'd/sub'), { recursive: true });
  writeFileSync(join(path, 'd/sub/f'), 'f');
  chmodSync(join(path, 'd/sub/f'), 0o4751);
  symlinkSync('sub/f', join(path, 'd/l'));
  chmodSync(join(path, 'd'), 0o1770);
  const { stdout, stderr } = inside(
    [
      openRoot(path),
      op('tmp_copy_up', { root, target: '/d', flags: RDONLY | NOSUID, data: 'size=1m' }),
      sh(`cd ${path}/d; stat -c "%a %u:%g %F" . sub/f l; cat l; ${lineOf(`${path}/d`)}`),
    ],
    '--mount',
    `chown -h 5:6 ${path}/d/l ${path}/d/sub/f && chmod 4751 ${path}/d/sub/f`,
  );
  expect(stderr).toBe('');
  expect(stdout).toMatch(
    /^1770 0:0 directory\n4751 5:6 regular file\n777 5:6 symbolic link\nf.* ro,nosuid,relatime .*size=1024k/s,
  );
});
