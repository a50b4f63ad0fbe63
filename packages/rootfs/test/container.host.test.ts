import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Mount, Spec } from '@ctr-tools/oci';
import { expect, test } from 'vitest';
import { run, tempDir } from '../../../test/support.ts';
import {
  busyboxBundle,
  carryOut,
  launcher,
  planOf,
  shellSpec,
} from '../../process/test/support/container.ts';
import { containerSteps, runContainer } from './support.ts';

/** Run a line in a container with these mounts beside the default ones; its stdout, once it ended well. */
function inside(
  line: string,
  mounts: Mount[],
  change: (spec: Spec) => void = () => {},
  bundle = busyboxBundle(),
) {
  const spec = shellSpec(line, (s) => {
    s.root!.readonly = false;
    s.mounts!.push(...mounts);
    change(s);
  });
  const ended = runContainer(spec, bundle);
  expect(ended).toMatchObject({ stderr: '', status: 0 });
  return ended.stdout;
}

/** The message with which a container is refused. */
function refused(mounts: Mount[], bundle: string): string {
  const ended = runContainer(
    shellSpec('true', (s) => s.mounts!.push(...mounts)),
    bundle,
  );
  expect(ended.status).toBe(125);
  return ended.stderr;
}

test('the root is read-only, masked files are empty, masked directories too, /proc/sys cannot be written', () => {
  const spec = shellSpec(
    'cat /proc/keys; ls /proc/acpi /sys/firmware; touch /x; echo 1 > /proc/sys/kernel/pid_max; touch /dev/shm/ok',
  );
  const { stderr, stdout, status } = runContainer(spec, busyboxBundle(['touch']));
  expect(status).toBe(0);
  expect(stdout.replace(/\/\S+:\n/g, '').trim()).toBe('');
  expect(stderr).toMatch(/\/x: Read-only file system/);
  expect(stderr).toMatch(/pid_max: Read-only file system/);
});

test('a bind is made where nothing was, and follows links inside the root only', () => {
  const bundle = busyboxBundle();
  const source = tempDir('source');
  writeFileSync(join(source, 'file'), 'hello\n');
  symlinkSync('/elsewhere', join(bundle, 'rootfs/link'));
  symlinkSync('../../../../..', join(bundle, 'rootfs/up'));
  writeFileSync(join(bundle, 'beside'), 'relative\n');
  const seen = inside(
    'cat /a/b/file /elsewhere/file /outside/file /one',
    [
      { destination: '/a/b', type: 'bind', source, options: ['rbind'] },
      { destination: '/link', type: 'bind', source, options: ['bind'] },
      { destination: '/up/outside', type: 'bind', source, options: ['bind'] },
      { destination: '/one', type: 'bind', source: 'beside', options: ['bind'] },
    ],
    undefined,
    bundle,
  );
  expect(seen).toBe('hello\nhello\nhello\nrelative\n');
});

test('read-only binds, for one mount and for all below', () => {
  const script = `
    mount -t tmpfs outer "$1" && mkdir "$1/below" && mount -t tmpfs inner "$1/below" && exec "$2" --plan "$3"`;
  const outer = tempDir('outer');
  const spec = shellSpec(
    'for d in /one /all; do for f in $d/x $d/below/x; do touch $f && echo $f; done; done; true',
    (s) => {
      s.root!.readonly = false;
      s.mounts!.push(
        { destination: '/one', type: 'bind', source: outer, options: ['rbind', 'ro'] },
        { destination: '/all', type: 'bind', source: outer, options: ['rbind', 'rro'] },
      );
    },
  );
  const plan = planOf(containerSteps(spec, busyboxBundle(['touch'])));
  const ended = run('unshare', ['-m', 'sh', '-c', script, 'sh', outer, launcher, plan]);
  expect(ended.stdout).toBe('/one/below/x\n');
  expect(ended.stderr.match(/Read-only file system/g)).toHaveLength(3);
});

test('no link leads a mount into /proc, or a procfs elsewhere', () => {
  const bundle = busyboxBundle();
  symlinkSync('proc/sys', join(bundle, 'rootfs/data'));
  expect(
    refused([{ destination: '/data/kernel', type: 'bind', source: '/etc', options: ['bind'] }], bundle),
  ).toContain('/proc/sys/kernel cannot be mounted because it is inside /proc');
  const other = busyboxBundle();
  symlinkSync('tmp', join(other, 'rootfs/proc'));
  expect(refused([], other)).toContain('a link led the mount of /proc elsewhere');
});

test('a file of /proc that lxcfs serves may be covered', () => {
  const bundle = busyboxBundle();
  writeFileSync(join(bundle, 'meminfo'), 'MemTotal: 1 kB\n');
  const mount = { destination: '/proc/meminfo', type: 'bind', source: 'meminfo', options: ['bind'] };
  expect(inside('cat /proc/meminfo', [mount], undefined, bundle)).toBe('MemTotal: 1 kB\n');
});

test('a tmpfs takes on the mode of what it covers, its own options win, and it can begin as a copy', () => {
  const bundle = busyboxBundle();
  const place = join(bundle, 'rootfs/place');
  mkdirSync(join(place, 'sub'), { recursive: true });
  writeFileSync(join(place, 'sub/file'), 'kept\n');
  chownSync(join(place, 'sub/file'), 7, 8);
  chmodSync(place, 0o751);
  const tmpfs = (destination: string, ...options: string[]): Mount => ({
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options,
  });
  expect(inside('stat -c %a /place; ls /place', [tmpfs('/place')], undefined, bundle)).toBe('751\n');
  expect(inside('stat -c %a /place', [tmpfs('/place', 'mode=700')], undefined, bundle)).toBe('700\n');
  expect(
    inside(
      'cat /place/sub/file; stat -c "%a %u %g" /place /place/sub/file; : > /place/new',
      [tmpfs('/place', 'tmpcopyup')],
      undefined,
      bundle,
    ),
  ).toBe('kept\n751 0 0\n644 7 8\n');
  expect(run('ls', [place]).stdout).toBe('sub\n');
});

test('an idmapped bind shows other owners', () => {
  const source = tempDir('owned');
  writeFileSync(join(source, 'file'), '');
  const maps = [{ containerID: 0, hostID: 5000, size: 10 }];
  const mount = {
    destination: '/m',
    type: 'bind',
    source,
    options: ['rbind'],
    uidMappings: maps,
    gidMappings: maps,
  };
  expect(inside('stat -c "%u %g" /m/file', [mount])).toBe('5000 5000\n');
});

/** Everybody may pass through these directories, and root of the user namespace owns the root. */
function mappedBundle(): string {
  const bundle = busyboxBundle();
  chmodSync(bundle, 0o755);
  chmodSync(dirname(bundle), 0o755);
  expect(run('chown', ['-R', '100000:100000', join(bundle, 'rootfs')]).status).toBe(0);
  return bundle;
}

function withUsers(spec: Spec): void {
  const maps = [{ containerID: 0, hostID: 100000, size: 65536 }];
  spec.linux!.namespaces!.push({ type: 'user' });
  spec.linux!.uidMappings = maps;
  spec.linux!.gidMappings = maps;
}

test('in a user namespace: bound devices, and binds from where its root may not go', () => {
  const closed = tempDir('closed');
  chmodSync(closed, 0o700);
  mkdirSync(join(closed, 'deep'));
  writeFileSync(join(closed, 'deep/file'), 'seen\n');
  const mount = { destination: '/data', type: 'bind', source: join(closed, 'deep'), options: ['rbind'] };
  const line = 'cat /data/file; stat -c "%t %T" /dev/null; grep -c " /dev/null " /proc/self/mountinfo; id -u';
  expect(inside(line, [mount], withUsers, mappedBundle())).toBe('seen\n1 3\n1\n0\n');
});

test('an idmapped bind with the maps of the container: files belong to who they belong to on disk', () => {
  const source = tempDir('owned');
  chmodSync(source, 0o755);
  writeFileSync(join(source, 'file'), '');
  const mount = { destination: '/m', type: 'bind', source, options: ['rbind', 'idmap'] };
  expect(inside('stat -c "%u %g" /m/file', [mount], withUsers, mappedBundle())).toBe('0 0\n');
});

test('without pivot_root the container sees its root, and no procfs of the host stays within reach', () => {
  const bundle = busyboxBundle();
  const spec = shellSpec(
    'ls /; grep -c . /proc/self/mountinfo; ls /proc/1/exe && readlink /proc/1/exe',
    (s) => {
      s.root!.readonly = false;
    },
  );
  const { stdout, status } = carryOut(containerSteps(spec, bundle, {}, { noPivot: true }));
  expect(status).toBe(0);
  expect(stdout).toMatch(/^bin\ndev\netc\nhome\nproc\nsys\ntmp\n/);
  expect(stdout).toMatch(/\/bin\/busybox\n$/);
});

test.each([
  ['shared', /shared:\d+/],
  ['rslave', /master:\d+/],
  ['private', /^$/],
  ['unbindable', /^unbindable$/],
] as const)('rootfsPropagation %s, where the host shares all its mounts', (word, tags) => {
  const spec = shellSpec('grep " / / " /proc/self/mountinfo || head -1 /proc/self/mountinfo', (s) => {
    s.linux!.rootfsPropagation = word;
  });
  const plan = planOf(containerSteps(spec, busyboxBundle()));
  const ended = run('unshare', ['-m', '--propagation', 'shared', launcher, '--plan', plan]);
  expect(ended).toMatchObject({ stderr: '', status: 0 });
  const [, found] = / (?:ro|rw)\S*((?: \S+)*) - /.exec(ended.stdout.split('\n')[0]!)!;
  expect(found!.trim()).toMatch(tags);
});

test('without a cgroup namespace the own groups are bound', () => {
  const own = readFileSync('/proc/self/cgroup', 'utf8');
  // A hierarchy may live that is mounted for somebody else alone.
  const mounted = (text: string): string[] =>
    [...text.matchAll(/ - cgroup \S+ (\S+)$/gm)].map(([, options]) => options!);
  const v1 = new Set(mounted(readFileSync('/proc/self/mountinfo', 'utf8'))).size;
  const type = v1 > 0 ? 'cgroup' : 'cgroup2';
  const seen = inside(`cat /proc/self/cgroup; grep -c " - ${type} " /proc/self/mountinfo`, [], (s) => {
    s.linux!.namespaces = s.linux!.namespaces!.filter((n) => n.type !== 'cgroup');
  });
  expect(seen.startsWith(own)).toBe(true);
  expect(seen.trim().split('\n').at(-1)).toBe(String(v1 || 1));
});
