/** config.md, Mounts; config-linux.md, Default Filesystems, Devices; runtime-linux.md: beside runc. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Mount, Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, tempDir } from '../../../test/support.ts';
import { makeBundle } from './bundles.ts';
import { inContainer, needsRuntime, runBundle, runtimes } from './runtimes.ts';

const good = { status: 0, stderr: '' };
const tmpfs = (destination: string, options: string[]): Mount => ({
  destination,
  type: 'tmpfs',
  source: 'tmpfs',
  options,
});
const withMounts =
  (...mounts: Mount[]) =>
  (spec: Spec) => {
    spec.mounts!.push(...mounts);
  };

/** Options that every runtime MUST implement, and what mountinfo shows of a tmpfs with them (config.md, Linux mount options). */
const options: readonly (readonly [string[], string])[] = [
  [[], 'rw,relatime'],
  [['defaults'], 'rw,relatime'],
  [['ro'], 'ro,relatime'],
  [['ro', 'rw'], 'rw,relatime'],
  [['nosuid'], 'rw,nosuid,relatime'],
  [['nosuid', 'suid'], 'rw,relatime'],
  [['nodev'], 'rw,nodev,relatime'],
  [['nodev', 'dev'], 'rw,relatime'],
  [['noexec'], 'rw,noexec,relatime'],
  [['noexec', 'exec'], 'rw,relatime'],
  [['noatime'], 'rw,noatime'],
  [['noatime', 'atime'], 'rw,relatime'],
  [['nodiratime'], 'rw,nodiratime,relatime'],
  [['nodiratime', 'diratime'], 'rw,relatime'],
  [['relatime'], 'rw,relatime'],
  [['strictatime'], 'rw'],
  [['strictatime', 'nostrictatime'], 'rw,relatime'],
  // Of contradicting access times the strictest, whatever the order.
  [['noatime', 'strictatime'], 'rw'],
  [['strictatime', 'noatime'], 'rw'],
  [['strictatime', 'relatime'], 'rw'],
  [['noatime', 'relatime'], 'rw,noatime'],
  [['relatime', 'noatime'], 'rw,noatime'],
  [['relatime', 'norelatime'], 'rw,relatime'],
  [['sync'], 'rw,relatime sync'],
  [['sync', 'async'], 'rw,relatime'],
  [['dirsync'], 'rw,relatime dirsync'],
  [['lazytime'], 'rw,relatime lazytime'],
  [['lazytime', 'nolazytime'], 'rw,relatime'],
  [['silent'], 'rw,relatime'],
  [['silent', 'loud'], 'rw,relatime'],
  [['iversion', 'noiversion'], 'rw,relatime'],
];

/** Mount point, its own options, and those of the file system that are flags of mount(2). */
function seen(mountinfo: string): Record<string, string> {
  const lines = mountinfo.split('\n').filter((line) => / \/m\d+ /.test(line));
  return Object.fromEntries(
    lines.map((line) => {
      const [before, after] = line.split(' - ') as [string, string];
      const [, , , , point, own] = before.split(' ');
      const flags = after
        .split(' ')[2]!
        .split(',')
        .filter((word) => /^(sync|dirsync|lazytime)$/.test(word));
      return [point!, [own, ...flags].join(' ')];
    }),
  );
}

describe.each(runtimes)('under %s', (runtime) => {
  test('every option that must be known does what mount(8) says', (context) => {
    needsRuntime(context, runtime);
    // runc 1.1 hands "defaults" to the file system, which refuses it.
    const known = options.filter(([words]) => runtime === 'ctr-run' || words[0] !== 'defaults');
    const ended = inContainer(runtime, 'cat /proc/self/mountinfo', (spec) => {
      spec.root!.readonly = false;
      spec.mounts!.push(...known.map(([words], i) => tmpfs(`/m${i}`, words)));
    });
    expect(ended).toMatchObject(good);
    const wanted = known.map(([, text], i) => [`/m${i}`, text] as const);
    expect(seen(ended.stdout)).toEqual(Object.fromEntries(wanted));
  });

  test('propagation of a mount is what its option says', (context) => {
    needsRuntime(context, runtime);
    const ended = inContainer(runtime, 'cat /proc/self/mountinfo', (spec) => {
      spec.root!.readonly = false;
      for (const [i, word] of [
        'shared',
        'rshared',
        'private',
        'rprivate',
        'unbindable',
        'runbindable',
      ].entries())
        spec.mounts!.push(tmpfs(`/m${i}`, [word]));
    });
    expect(ended).toMatchObject(good);
    const fields = (point: string): string =>
      (ended.stdout.split('\n').find((line) => line.includes(` ${point} `)) ?? '')
        .split(' - ')[0]!
        .split(' ')[6] ?? '';
    expect([0, 1, 2, 3, 4, 5].map((i) => fields(`/m${i}`).replace(/\d+/, 'N'))).toEqual([
      'shared:N',
      'shared:N',
      '',
      '',
      'unbindable',
      'unbindable',
    ]);
  });

  test('mounts are made in the order listed', (context) => {
    needsRuntime(context, runtime);
    const [first, second] = [tempDir('first'), tempDir('second')];
    writeFileSync(`${first}/is-first`, '');
    writeFileSync(`${second}/is-second`, '');
    mkdirSync(`${second}/below`);
    const bind = (destination: string, source: string): Mount => ({ destination, source, options: ['bind'] });
    const ended = inContainer(
      runtime,
      'ls /mnt /mnt/below',
      withMounts(bind('/mnt', first), bind('/mnt', second), bind('/mnt/below', first)),
    );
    expect(ended).toMatchObject({ ...good, stdout: '/mnt:\nbelow\nis-second\n\n/mnt/below:\nis-first\n' });
  });

  test('bind in the options makes a bind mount of any type, and its source may be relative to the bundle', (context) => {
    needsRuntime(context, runtime);
    const bundle = makeBundle(['/bin/sh', '-c', 'cat /a/file /b/file /c'], (spec) => {
      spec.mounts!.push(
        { destination: '/a', type: 'none', source: 'data', options: ['bind'] },
        { destination: '/b', type: 'tmpfs', source: 'data', options: ['rbind', 'ro'] },
        { destination: '/c', source: 'data/file', options: ['bind'] },
      );
    });
    mkdirSync(`${bundle}/data`);
    writeFileSync(`${bundle}/data/file`, 'data\n');
    expect(runBundle(runtime, bundle)).toMatchObject({ ...good, stdout: 'data\ndata\ndata\n' });
  });

  test('a remount changes the mount that is there', (context) => {
    needsRuntime(context, runtime);
    const ended = inContainer(runtime, 'grep " /m0 " /proc/self/mountinfo; touch /m0/x', (spec) => {
      spec.root!.readonly = false;
      spec.mounts!.push(tmpfs('/m0', ['nosuid']), tmpfs('/m0', ['remount', 'ro', 'nosuid']));
    });
    expect(ended.stdout.trim().split('\n')).toHaveLength(1);
    expect(ended.stdout).toMatch(/ ro,nosuid/);
    expect(ended.stderr).toMatch(/Read-only/);
  });

  test('what is not an option of mount(8) goes to the file system', (context) => {
    needsRuntime(context, runtime);
    const ended = inContainer(
      runtime,
      'stat -c "%a %u %g" /mnt; grep " /mnt " /proc/self/mountinfo',
      withMounts(tmpfs('/mnt', ['size=64k', 'mode=1751', 'uid=7', 'gid=8'])),
    );
    expect(ended).toMatchObject(good);
    expect(ended.stdout).toMatch(/^1751 7 8\n.*size=64k/);
    const refused = inContainer(runtime, 'true', withMounts(tmpfs('/mnt', ['nonsense=1'])));
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toMatch(/mnt/);
  });

  test('proc, sysfs, devpts and a tmpfs are where the default spec has them', (context) => {
    needsRuntime(context, runtime);
    const look = 'for p in /proc /sys /dev/pts /dev/shm; do stat -f -c "%T" $p; done';
    const ended = inContainer(runtime, look);
    expect(ended).toMatchObject(good);
    expect(ended.stdout.trim().split('\n')).toEqual(['proc', 'sysfs', 'devpts', 'tmpfs']);
  });

  test('the default devices are there and are what their names say', (context) => {
    needsRuntime(context, runtime);
    const look =
      'cd /dev; stat -c "%n %F %t:%T %a" null zero full random urandom tty; head -c3 zero | wc -c; echo x > null; (echo x > full) 2>&1; readlink ptmx || stat -c %m ptmx';
    const ended = inContainer(runtime, look);
    expect(ended).toMatchObject(good);
    const lines = ended.stdout.trim().split('\n');
    expect(lines.slice(0, 6)).toEqual([
      'null character special file 1:3 666',
      'zero character special file 1:5 666',
      'full character special file 1:7 666',
      'random character special file 1:8 666',
      'urandom character special file 1:9 666',
      'tty character special file 5:0 666',
    ]);
    expect(lines[6]).toBe('3');
    expect(lines[7]).toMatch(/No space left/);
    expect(lines[8]).toMatch(/pts\/ptmx|\/dev\/ptmx/);
  });

  test('the links of /dev lead to the descriptors', (context) => {
    needsRuntime(context, runtime);
    const ended = inContainer(runtime, 'cd /dev; for l in fd stdin stdout stderr; do readlink $l; done');
    expect(ended).toMatchObject({
      ...good,
      stdout: '/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n',
    });
  });

  test('devices of each type are made with numbers, mode and owner, in /dev and elsewhere', (context) => {
    needsRuntime(context, runtime);
    const look = 'stat -c "%n %F %t:%T %a %u:%g" /dev/one /dev/two /elsewhere/three /dev/four';
    const ended = inContainer(runtime, look, (spec) => {
      spec.root!.readonly = false;
      spec.linux!.devices = [
        { type: 'c', path: '/dev/one', major: 10, minor: 229, fileMode: 0o640, uid: 5, gid: 6 },
        { type: 'b', path: '/dev/two', major: 7, minor: 99, fileMode: 0o600, uid: 0, gid: 0 },
        { type: 'u', path: '/elsewhere/three', major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 },
        { type: 'p', path: '/dev/four', fileMode: 0o622, uid: 1, gid: 1 },
      ];
    });
    expect(ended).toMatchObject({
      ...good,
      stdout:
        '/dev/one character special file a:e5 640 5:6\n/dev/two block special file 7:63 600 0:0\n/elsewhere/three character special file 1:3 666 0:0\n/dev/four fifo 0:0 622 1:1\n',
    });
  });

  test('masked paths cannot be read, read-only ones not written', (context) => {
    needsRuntime(context, runtime);
    const bundle = makeBundle(
      ['/bin/sh', '-c', 'cat /secret; ls /hidden; cat /kept/file; (echo x > /kept/file) 2>&1'],
      (spec) => {
        spec.root!.readonly = false;
        spec.linux!.maskedPaths = ['/secret', '/hidden', '/no/such/path'];
        spec.linux!.readonlyPaths = ['/kept', '/no/such/other'];
      },
    );
    for (const path of ['hidden', 'kept']) mkdirSync(`${bundle}/rootfs/${path}`);
    for (const path of ['secret', 'hidden/file', 'kept/file'])
      writeFileSync(`${bundle}/rootfs/${path}`, 'text\n');
    const ended = runBundle(runtime, bundle);
    expect(ended.stdout).toMatch(/^text\n.*Read-only file system\n$/);
    expect(ended.stderr).toBe('');
  });

  test('a sysctl is set in the container alone', (context) => {
    needsRuntime(context, runtime);
    const files = ['/proc/sys/net/ipv4/ip_forward', '/proc/sys/kernel/shmmax'];
    const before = files.map((file) => readFileSync(file, 'utf8'));
    const ended = inContainer(runtime, `cat ${files.join(' ')}`, (spec) => {
      spec.linux!.sysctl = { 'net.ipv4.ip_forward': '1', 'kernel.shmmax': '123456' };
    });
    expect(ended).toMatchObject({ ...good, stdout: '1\n123456\n' });
    expect(files.map((file) => readFileSync(file, 'utf8'))).toEqual(before);
  });
});

test.for([
  ['shared', /shared:\d+/],
  ['slave', /^((?!shared:|unbindable).)*$/],
  ['private', /^((?!shared:|master:|unbindable).)*$/],
  ['unbindable', /unbindable/],
  ['rshared', /shared:\d+/],
  ['rslave', /^((?!shared:|unbindable).)*$/],
  ['rprivate', /^((?!shared:|master:|unbindable).)*$/],
  ['runbindable', /unbindable/],
] as const)('the root’s propagation can be %s', ([propagation, fields], context) => {
  needs(context, 'root');
  const ended = inContainer(
    'ctr-run',
    'grep " / / " /proc/self/mountinfo || grep " / " /proc/self/mountinfo; grep " /proc " /proc/self/mountinfo',
    (spec) => {
      spec.linux!.rootfsPropagation = propagation;
    },
  );
  expect(ended).toMatchObject(good);
  const root = ended.stdout.split('\n').find((line) => line.split(' ')[4] === '/')!;
  const propagationOf = (line: string) => line.split(' - ')[0]!.split(' ').slice(6).join(' ');
  expect(propagationOf(root)).toMatch(fields);
  // The r forms reach the mounts below it, masks and read-only paths among them.
  const below = ended.stdout.split('\n').find((line) => line.split(' ')[4] === '/proc')!;
  if (propagation.startsWith('r')) expect(propagationOf(below)).toMatch(fields);
});

test('a relative destination is read from the root', (context) => {
  needs(context, 'root');
  const ended = inContainer('ctr-run', 'stat -f -c %T /deep/mnt', withMounts(tmpfs('deep/mnt', [])));
  expect(ended).toMatchObject({ ...good, stdout: 'tmpfs\n' });
});
