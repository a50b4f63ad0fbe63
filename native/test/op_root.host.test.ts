import { spawnSync } from 'node:child_process';
import {
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isBefore, skip } from '../../test/support.ts';
import { launcher, O_ROOT, plan, shell, slot, work } from './launcher.ts';
import { inside, op, sh } from './ops.ts';

const root = slot('root');
let count = 0;
function rootfs(): string {
  const path = join(work, `r-${count++}`);
  mkdirSync(join(path, 'bin'), { recursive: true });
  spawnSync('cp', ['/bin/busybox', join(path, 'bin/busybox')]);
  symlinkSync('busybox', join(path, 'bin/sh'));
  return path;
}
const openRoot = (path: string) => op('open', { path, flags: O_ROOT, fd: root });
const busybox = (script: string) => ({
  ...sh(''),
  args: { file: '/bin/busybox', argv: ['sh', '-c', script] },
});
const mountProc = op('mount', {
  root,
  target: '/proc',
  type: 'proc',
  source: 'proc',
  flags: 0,
  data: '',
  make: 'directory',
});

test('pivot leaves nothing of the host', () => {
  const path = rootfs();
  const { stdout, stderr } = inside([
    op('root_mount', { path, root }),
    mountProc,
    op('change_root', { root }),
    busybox('busybox pwd; busybox ls /; busybox cut -d" " -f5 /proc/self/mountinfo'),
  ]);
  expect(stderr).toBe('');
  expect(stdout).toBe('/\nbin\nproc\n/\n/proc\n');
});

test('pivot works below a shared mount, and unmounts nothing outside', () => {
  const path = rootfs();
  const { stdout, stderr } = inside(
    [op('root_mount', { path, root }), mountProc, op('change_root', { root }), busybox('busybox ls /')],
    '--mount',
    `mount --bind ${work} ${work} && mount --make-rshared ${work}`,
  );
  expect(stderr).toBe('');
  expect(stdout).toBe('bin\nproc\n');
});

test('pivot leaves mounts upon shared mounts to the other namespaces that have them', () => {
  const path = rootfs();
  const at = join(work, 'shared');
  mkdirSync(at);
  const steps = [op('root_mount', { path, root }), op('change_root', { root }), busybox('busybox true')];
  const script = `mount -t tmpfs x ${at} && mkdir ${at}/below && mount -t tmpfs y ${at}/below &&
    mount --make-rshared ${at} && unshare --mount --propagation unchanged "$L" --plan "$P" &&
    cut -d' ' -f5 /proc/self/mountinfo | grep ^${at}`;
  const stored = plan([steps]);
  const ended = shell('exec unshare --mount --propagation private sh -c "$SCRIPT"', stored, {
    env: { PATH: process.env.PATH, L: launcher, P: stored, SCRIPT: script },
  });
  expect(ended).toMatchObject({ stderr: '', stdout: `${at}\n${at}/below\n` });
});

test('no user namespace inside of a moved root finds the old procfs, which would let it mount one', (context) => {
  const path = rootfs();
  mkdirSync(join(path, 'new'));
  // One with something over it allows no other (mount_namespaces(7), "Restrictions on mount namespaces").
  const partly = [mountProc, op('mount', { ...mountProc.args, target: '/proc/irq', type: 'tmpfs' } as never)];
  const mountOne = 'busybox unshare -m -p -U -r -f busybox mount -t proc proc /new && echo mounted';
  const control = spawnSync(
    'unshare',
    [
      ...['--mount', '--propagation', 'private', 'sh', '-c'],
      `mount --bind ${path} ${path} && cd ${path} && mkdir -p proc && mount -t proc proc proc && mount -t tmpfs x proc/irq &&
       mount --move . / && exec chroot . /bin/busybox sh -c '${mountOne}'`,
    ],
    { encoding: 'utf8' },
  );
  if (control.stdout !== 'mounted\n')
    skip(context, `a user namespace can mount no procfs here anyway: ${control.stderr.trim()}`);
  const { stdout, stderr } = inside([
    op('root_mount', { path, root }),
    ...partly,
    op('change_root', { root, leaving: 'move' }),
    busybox(mountOne),
  ]);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/permission denied|not permitted/i);
});

test('change_root moves the root over / and takes the old procfs away', () => {
  const path = rootfs();
  const { stdout, stderr } = inside([
    op('root_mount', { path, root }),
    mountProc,
    op('change_root', { root, leaving: 'move' }),
    busybox('busybox pwd; busybox ls /; busybox cut -d" " -f5 /proc/self/mountinfo'),
  ]);
  expect(stderr).toBe('');
  expect(stdout).toBe('/\nbin\nproc\n/\n/proc\n');
});

test('change_root by chroot alone', () => {
  const path = rootfs();
  const { stdout } = inside([
    openRoot(path),
    op('change_root', { root, leaving: 'chroot' }),
    busybox('busybox pwd; busybox ls /'),
  ]);
  expect(stdout).toBe('/\nbin\n');
});

test('a FIFO at /etc/passwd is nobody’s home, and nobody waits for it', () => {
  const path = rootfs();
  mkdirSync(join(path, 'etc'));
  spawnSync('mkfifo', [join(path, 'etc/passwd')]);
  const steps = [
    openRoot(path),
    op('change_root', { root, leaving: 'chroot' }),
    op('home_default', { uid: 5 }),
    busybox('echo $HOME'),
  ];
  expect(inside(steps, '--mount', 'unset HOME')).toMatchObject({ status: 0, stdout: '/\n', stderr: '' });
});

test('devices have exactly the mode and owner that were asked for', () => {
  const path = rootfs();
  const device = (target: string, mode: number, dev: number, uid = 0, gid = 0, bind = 0) =>
    op('device', { root, path: target, mode, dev, uid, gid, bind });
  const { stderr, status } = inside(
    [
      openRoot(path),
      device('/dev/null', 0o20666, 0x103),
      device('/dev/sub/disk', 0o60640, 0x700, 1, 6),
      device('/dev/fifo', 0o10622, 0, 3, 4),
      device('/dev/null', 0o20600, 0x103),
    ],
    '--mount',
    'umask 077',
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const disk = lstatSync(join(path, 'dev/sub/disk'));
  expect([disk.mode, disk.rdev, disk.uid, disk.gid]).toEqual([0o60640, 0x700, 1, 6]);
  expect(lstatSync(join(path, 'dev/fifo')).mode).toBe(0o10622);
  expect(lstatSync(join(path, 'dev/null')).mode).toBe(0o20600);
});

test('where mknod is not allowed the node of the host is bound', () => {
  const path = rootfs();
  const { stdout, stderr } = inside(
    [
      openRoot(path),
      op('device', { root, path: '/dev/zero', mode: 0o20666, dev: 0x105, uid: 0, gid: 0, bind: 1 }),
      sh(`stat -c %F:%t:%T ${path}/dev/zero; head -c 3 ${path}/dev/zero | od -An -c`),
    ],
    '--user --map-root-user --mount',
  );
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^character special file:1:5\n.*\\0 {2}\\0 {2}\\0/);
});

test('a node lies over another file, which stays, and never takes the place of a link or a directory', () => {
  const path = rootfs();
  mkdirSync(join(path, 'dev/directory'), { recursive: true });
  symlinkSync('text', join(path, 'dev/link'));
  const text = join(path, 'dev/text');
  writeFileSync(text, 'text');
  const device = (name: string, dev: number) =>
    inside(
      [
        openRoot(path),
        op('device', { root, path: `/dev/${name}`, mode: 0o20640, dev, uid: 1, gid: 2, bind: 1 }),
        sh(`stat -c %a:%t:%T:%u:%g ${path}/dev/${name}; ls -A ${path}/dev`),
      ],
      '--mount',
    );
  const names = readdirSync(join(path, 'dev'));
  const there = `${names.join('\n')}\n`;
  expect(device('text', 0x103)).toMatchObject({ status: 0, stderr: '', stdout: `640:1:3:1:2\n${there}` });
  expect(readFileSync(text, 'utf8')).toBe('text');
  rmSync(text);
  expect(device('text', 0x105)).toMatchObject({ status: 0, stdout: `640:1:5:1:2\n${there}` });
  expect(device('text', 0x103)).toMatchObject({ status: 0, stdout: `640:1:3:1:2\n${there}` });
  expect(lstatSync(text).rdev).toBe(0x105);
  for (const name of ['link', 'directory'])
    expect(device(name, 0x103)).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('something else is there'),
    });
  expect(readdirSync(join(path, 'dev'))).toEqual(names);
});

test('links and directories are made inside the root, whatever links lie in the way', () => {
  const path = rootfs();
  symlinkSync('/../../../../../..', join(path, 'up'));
  const { stderr, status } = inside([
    openRoot(path),
    op('link_in', { root, path: '/up/dev/fd', target: '/proc/self/fd' }),
    op('link_in', { root, path: '/dev/fd', target: '/proc/self/fd' }),
    op('mkdir_in', { root, path: '/up/work/dir', mode: 0o2770, uid: 5, gid: 6 }),
    op('mkdir_in', { root, path: '/work', mode: 0, uid: 9, gid: 9 }),
  ]);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(readlinkSync(join(path, 'dev/fd'))).toBe('/proc/self/fd');
  const dir = lstatSync(join(path, 'work/dir'));
  expect([dir.mode & 0o7777, dir.uid, dir.gid]).toEqual([0o2770, 5, 6]);
  expect(lstatSync(join(path, 'work')).mode & 0o7777).toBe(0o755);
});

test('a link that points elsewhere is a failure that says where', () => {
  const path = rootfs();
  symlinkSync('/other', join(path, 'link'));
  expect(inside([openRoot(path), op('link_in', { root, path: '/link', target: '/x' })]).stderr).toMatch(
    /points at \/other/,
  );
});

test('open_in opens by path and keeps inside', () => {
  const path = rootfs();
  symlinkSync('/etc', join(path, 'etc-link'));
  mkdirSync(join(path, 'etc'));
  writeFileSync(join(path, 'etc/passwd'), 'inside');
  const fd = slot('fd');
  const { stdout } = inside([
    openRoot(path),
    op('open_in', { root, path: '/etc-link/passwd', flags: 0o2000000, fd }),
    op('dup2', { from: fd, to: 7 }),
    sh('cat <&7'),
  ]);
  expect(stdout).toBe('inside');
});

const devpts = op('mount', {
  root,
  target: '/dev/pts',
  type: 'devpts',
  source: 'devpts',
  flags: 0,
  data: 'newinstance,ptmxmode=0666',
  make: 'directory',
});
const console_ = (bind: number) =>
  op('console', { root, rows: 33, columns: 77, bind, master: slot('m'), slave: slot('s') });

test('the console is a terminal of the container, with its size, at /dev/console', () => {
  const path = rootfs();
  const { stdout, stderr } = inside([
    openRoot(path),
    devpts,
    console_(1),
    op('setsid', {}),
    op('dup2', { from: slot('m'), to: 8 }), // or the terminal hangs up when we become sh
    op('dup2', { from: 1, to: 9 }),
    op('controlling_tty', { fd: slot('s') }),
    sh(
      `{ stty size; stat -L -c %t:%T /dev/fd/0 ${path}/dev/console; cut -d" " -f7 /proc/$$/stat; } >&9 2>&1`,
    ),
  ]);
  expect(stderr).toBe('');
  const lines = stdout.trim().split('\n');
  expect(lines.slice(0, 3)).toEqual(['33 77', '88:0', '88:0']);
  expect(lines[3]).toBe(String(136 * 256));
});

test('a console without a size has that of the terminal that we are at, before anybody relays', () => {
  const { stdout } = inside(
    [
      openRoot(rootfs()),
      devpts,
      op('console', { root, rows: 0, columns: 0, bind: 0, master: slot('m'), slave: slot('s') }),
      op('dup2', { from: slot('m'), to: 7 }), // or the terminal hangs up when we become sh
      op('dup2', { from: slot('s'), to: 8 }),
      sh('stty size <&8'),
    ],
    '--mount',
    // The rest of the line runs at a terminal of this size.
    `exec script -qec "stty rows 31 cols 99; \\"$L\\" --plan \\"$P\\"" /dev/null; true`,
  );
  expect(stdout.replaceAll('\r', '')).toBe('31 99\n');
});

test('a /dev/pts that is no devpts is refused', () => {
  const path = rootfs();
  mkdirSync(join(path, 'dev/pts'), { recursive: true });
  spawnSync('mkfifo', [join(path, 'dev/pts/ptmx')]);
  const { stderr, status } = inside([openRoot(path), console_(1)]);
  expect(status).toBe(125);
  expect(stderr).toMatch(/no devpts is mounted/);
});

test('nor one whose ptmx alone is of a devpts, nor a devpts with something over its ptmx', () => {
  const path = rootfs();
  const at = join(path, 'dev/pts');
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, 'ptmx'), '');
  const one = `mount --bind /dev/pts/ptmx ${at}/ptmx`;
  const other = `mkfifo ${path}/fifo && mount -t devpts -o newinstance devpts ${at} && mount --bind ${path}/fifo ${at}/ptmx`;
  for (const before of [one, other]) {
    const { stderr, status } = inside([openRoot(path), console_(1)], '--mount', before);
    expect(status).toBe(125);
    expect(stderr).toMatch(/no devpts is mounted/);
  }
});

test('an idmapped mount shows the owners of its map', () => {
  const path = rootfs();
  const source = join(work, 'idmapped');
  mkdirSync(source);
  writeFileSync(join(source, 'f'), '');
  chownSync(join(source, 'f'), 3, 4);
  const userns = slot('userns');
  const { stdout, stderr } = inside([
    openRoot(path),
    op('idmap_userns', { uids: '0 1000 10\n', gids: '0 2000 10\n', userns }),
    op('bind', {
      root,
      target: '/m',
      source,
      fd: -1,
      recursive: 0,
      set: 0,
      clear: 0,
      propagation: 0,
      userns,
      make: 'like_source',
    }),
    sh(`stat -c %u:%g ${path}/m/f`),
  ]);
  expect(stderr).toBe('');
  expect(stdout).toBe('1003:2004\n');
});

const overlay = (target: string, lower: string[], upper = '', dir = '', flags = 0, options: string[] = []) =>
  op('overlay', { target, lower, upper, work: dir, flags, options, root });

test('an overlay merges its layers, topmost first, whatever their names', () => {
  const names = [
    'plain',
    'with:colon',
    'with,comma',
    'back\\slash',
    `long${'g'.repeat(240)}/${'h'.repeat(200)}`,
  ];
  const layers = names.map((name, i) => {
    const path = join(work, 'layers', name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'top'), String(i));
    writeFileSync(join(path, `f${i}`), '');
    return path;
  });
  const [upper, dir, merged] = ['up:per', 'wo,rk', 'merged'].map((n) => join(work, n));
  for (const path of [upper!, dir!, merged!]) mkdirSync(path);
  const { stdout, stderr } = inside([
    overlay(merged!, layers, upper, dir, 4, ['metacopy=off']),
    sh(`cd ${merged}; ls; cat top; touch new; grep " ${merged} " /proc/self/mountinfo | cut -d" " -f6`),
  ]);
  expect(stderr).toBe('');
  expect(stdout).toBe('f0\nf1\nf2\nf3\nf4\ntop\n0rw,nodev,relatime\n');
  expect(readFileSync(join(upper!, 'new'), 'utf8')).toBe('');
});

test('500 layers, attached nowhere', () => {
  const layers = Array.from({ length: 500 }, (_, i) => {
    const path = join(work, 'many', `layer-${i}`);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, `f${i}`), '');
    return path;
  });
  const fd = slot('fd');
  const { stdout, stderr } = inside([
    overlay('', layers),
    op('open_in', { root, path: '/f499', flags: 0o2000000, fd }),
    op('dup2', { from: root, to: 7 }),
    sh('ls /proc/self/fd/7/ | wc -l; grep -c " overlay " /proc/self/mountinfo'),
  ]);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^500\n/);
});

test('a refused overlay says why', () => {
  const { stderr, status } = inside([overlay('', [join(work, 'r-0')], '', '', 0, ['nosuch=1'])]);
  expect(status).toBe(125);
  // Before 6.5 overlay read its options itself, and said why to the kernel's log alone (dmesg(1)).
  expect(stderr).toMatch(isBefore(6, 5) ? /Invalid argument/ : /Unknown parameter 'nosuch'/);
});
