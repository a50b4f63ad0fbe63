/**
 * The same operations where a kernel (or a seccomp filter around us) has none of the newer calls:
 * a plan's first step takes them away, and what follows must do without.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { insn } from '../../test/bpf.ts';
import { type AnyStep, O_ROOT, slot, work } from './launcher.ts';
import { inside, op, sh } from './ops.ts';

const root = slot('root');
const calls = {
  mounts: [428, 429, 430, 431, 432, 433, 442], // open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr
  others: [436, 437, 452], // close_range, openat2, fchmodat2
};
/** These calls answer `errno`. */
function without(numbers: number[], errno: number): AnyStep {
  const program = [insn(0x20, 0, 0, 0)];
  for (const n of numbers) program.push(insn(0x15, 0, 1, n), insn(6, 0, 0, 0x00050000 | errno));
  program.push(insn(6, 0, 0, 0x7fff0000));
  return op('seccomp', { filter: Buffer.concat(program), flags: 0, listener: slot('l') });
}

let count = 0;
function rootfs(): string {
  const path = join(work, `old-${count++}`);
  mkdirSync(join(path, 'bin'), { recursive: true });
  spawnSync('cp', ['/bin/busybox', join(path, 'bin/sh')]);
  return path;
}

const all = [...calls.mounts, ...calls.others];
describe.each([
  ['ENOSYS', 38, all],
  ['EPERM for openat2 and close_range', 1, calls.others],
])('%s', (_, errno, numbers) => {
  const old = without(numbers, errno);
  const open = (path: string) => [old, op('open', { path, flags: O_ROOT, fd: root })];
  const mount = (type: string, target: string, flags = 0, data = '') =>
    op('mount', { root, target, type, source: type, flags, data, make: 'directory' });
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
  const info = (path: string) =>
    sh(`grep " ${path}" /proc/self/mountinfo | cut -d" " -f5- | sed "s,${path},,"`);

  test('mount, bind and attributes', () => {
    const path = rootfs();
    symlinkSync('/../../../t', join(path, 'link'));
    const { stdout, stderr } = inside([
      ...open(path),
      mount('tmpfs', '/link', 2 | (1 << 20), 'size=64k'),
      bind('/usr', '/b', { set: 1 | 0x10 }),
      bind('/etc/passwd', '/f', { propagation: 1 << 20 }),
      op('mount_attr', { root, target: '/b', set: 8, clear: 0x10, propagation: 0, recursive: 0 }),
      info(path),
    ]);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^\/t rw,nosuid,relatime shared:\d+ - tmpfs tmpfs rw,size=64k/m);
    expect(stdout).toMatch(/^\/b ro,noexec,relatime - /m);
    expect(stdout).toMatch(/^\/f rw,\S* shared:\d+ - /m);
  });

  test('mask and readonly', () => {
    const path = rootfs();
    for (const dir of ['secret1', 'secret2', 'r']) mkdirSync(join(path, dir));
    for (const file of ['secret1/f', 'file']) writeFileSync(join(path, file), 'k');
    const { stdout, stderr } = inside([
      ...open(path),
      op('device', { root, path: '/dev/null', mode: 0o20666, dev: 0x103, uid: 0, gid: 0, bind: 0 }),
      ...['/secret1', '/secret2', '/file', '/none'].map((p) => op('mask', { root, path: p })),
      op('readonly', { root, path: '/r' }),
      sh(`cd ${path}; cat file; ls secret1 secret2; touch r/x secret1/x`),
    ]);
    expect(stdout).toBe('secret1:\n\nsecret2:\n');
    expect(stderr.match(/Read-only file system/g)).toHaveLength(2);
  });

  test('a root, a pivot and a console', () => {
    const path = rootfs();
    const { stdout, stderr } = inside([
      old,
      op('root_mount', { path, root }),
      mount('proc', '/proc'),
      mount('devpts', '/dev/pts', 0, 'newinstance,ptmxmode=0666'),
      op('console', { root, rows: 1, columns: 2, bind: 1, master: slot('m'), slave: slot('s') }),
      op('proc_write', { path: 'self/oom_score_adj', data: '77' }),
      op('change_root', { root }),
      op('close_others', { keep: [], directories: 0 }),
      {
        ...sh(''),
        args: {
          file: '/bin/sh',
          argv: [
            'sh',
            '-c',
            'ls /proc/self/fd | wc -l; cat /proc/self/oom_score_adj; cut -d" " -f5 /proc/self/mountinfo',
          ],
        },
      },
    ]);
    expect(stderr).toBe('');
    expect(stdout).toBe('4\n77\n/\n/proc\n/dev/pts\n/dev/console\n');
  });

  test('an overlay of layers with any name', () => {
    const layers = ['a:b', 'c,d', 'e\\f', 'g'.repeat(250)].map((name, i) => {
      const path = join(work, 'old-layers', name);
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, `f${i}`), '');
      return path;
    });
    const base = rootfs();
    const [merged, upper, dir] = ['merged', 'upp,er', 'wo:rk'].map((n) => join(base, n)) as [
      string,
      string,
      string,
    ];
    for (const path of [merged, upper, dir]) mkdirSync(path);
    const { stdout, stderr } = inside([
      old,
      op('overlay', { target: merged, lower: layers, upper, work: dir, flags: 4, options: [], root }),
      sh(`cd ${merged}; touch new; ls; grep " ${merged} " /proc/self/mountinfo | cut -d" " -f6`),
    ]);
    expect(stderr).toBe('');
    expect(stdout).toBe('f0\nf1\nf2\nf3\nnew\nrw,nodev,relatime\n');
  });
});

test('where only fsconfig is missing an overlay is still made detached', () => {
  const layers = Array.from({ length: 300 }, (_, i) => {
    const path = join(work, 'old-many', String(i));
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, `f${i}`), '');
    return path;
  });
  const { stdout, stderr } = inside([
    without([430, 431, 432], 38),
    op('overlay', { target: '', lower: layers, upper: '', work: '', flags: 1, options: [], root }),
    op('dup2', { from: root, to: 7 }),
    sh('ls /proc/self/fd/7/ | wc -l; grep " overlay " /proc/self/mountinfo | grep -c old-many'),
  ]);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/^300\n0\n/);
});

describe.each([
  ['where no procfs of our own can be made', calls.mounts],
  ['nor openat2 asked', [...calls.mounts, 437]],
])('%s', (_, numbers) => {
  const write = (path: string) => [
    without(numbers, 38),
    op('proc_write', { path, data: 'written' }),
    sh('uname -n'),
  ];

  test('the one at /proc is written to', () => {
    const { stdout, stderr } = inside(write('sys/kernel/hostname'), '--mount --uts');
    expect(stderr).toBe('');
    expect(stdout).toBe('written\n');
  });

  test('no file is that something is mounted on (CVE-2025-52881)', () => {
    const fake = join(work, `fake-${count++}`);
    writeFileSync(fake, 'fake');
    const over = `mount --bind ${fake} /proc/sys/kernel/hostname`;
    const { status, stderr } = inside(write('sys/kernel/hostname'), '--mount --uts', over);
    expect(status).toBe(125);
    expect(stderr).toContain('something else is mounted there');
    expect(readFileSync(fake, 'utf8')).toBe('fake');
  });

  test('nor one of a file system that lies at /proc (CVE-2019-16884)', () => {
    const over =
      'mount -t tmpfs fake /proc && mkdir -p /proc/sys/kernel && ln -s $$ /proc/self && touch /proc/sys/kernel/hostname';
    const { status, stderr } = inside(write('sys/kernel/hostname'), '--mount --uts', over);
    expect(status).toBe(125);
    expect(stderr).toContain('something else is mounted there');
  });

  test('nor of a procfs that counts PIDs otherwise', () => {
    const { status, stderr } = inside(write('sys/kernel/hostname'), '--mount --uts --pid --fork');
    expect(status).toBe(125);
    expect(stderr).toContain('something else is mounted there');
  });

  test('a link of procfs leads nowhere', () => {
    expect(inside(write('self/root/etc/ctr-test-nothing'), '--mount --uts').status).toBe(125);
    expect(inside(write('self/cwd/etc/ctr-test-nothing'), '--mount --uts').stderr).toMatch(
      /Symbolic link loop|cross-device/,
    );
  });
});
