/** Each opening is found where it is open, and nowhere else. */
import { capabilityNames } from '@ctr-tools/sys/constants';
import { expect, test } from 'vitest';
import type { DescriptorFact, DeviceNode, Facts } from '../../src/inspect/facts.ts';
import { answersItself } from '../../src/inspect/gather/root.ts';
import { openingsOf, rules, weightOf, wordFor } from '../../src/inspect/openings/index.ts';
import { asRoot, closed, mount, mounting, namespace, sharing, unmounting, withStatus } from './recorded.ts';

const descriptor = (changed: Partial<DescriptorFact>): Facts => ({
  ...closed,
  descriptors: {
    count: 1,
    seen: [{ fd: 7, target: '/x', kind: 'file', writable: false, ...changed }],
  },
});
const device = (name: string, type: DeviceNode['type'], major: number, minor: number): Facts => ({
  ...closed,
  root: { ...closed.root!, devices: [{ name, type, major, minor }] },
});
const limitless = (name: string): Facts => ({
  ...closed,
  group: {
    ...closed.group!,
    report: { ...closed.group!.report, lines: closed.group!.report.lines.filter((l) => l.name !== name) },
  },
});
const bind = (host: string, changed = {}) =>
  mount('/data', 'ext4', { host, options: ['rw', 'nosuid', 'nodev'], ...changed });
const labelled = (labels: Facts['labels']): Facts => ({ ...closed, labels: labels! });
const root = asRoot(closed);

/** For each opening a process that has it. */
const ways: Record<string, Facts> = {
  'mount-namespace': sharing(closed, 'mnt'),
  'pid-namespace': sharing(closed, 'pid'),
  'net-namespace': sharing(closed, 'net'),
  'ipc-namespace': sharing(closed, 'ipc'),
  'uts-namespace': sharing(closed, 'uts'),
  'cgroup-namespace': sharing(closed, 'cgroup'),
  'user-namespace': root,
  'net-of-others': {
    ...closed,
    namespaces: closed.namespaces.map((n) =>
      n.type === 'net' ? namespace('net', false, { others: { count: 2, some: [] } }) : n,
    ),
  },
  'host-root': root,
  'root-mapped': { ...closed, maps: { ...closed.maps, uid: [{ inside: 0, outside: 0, count: 1 }] } },
  'whole-map': { ...closed, maps: { ...closed.maps, uid: [{ inside: 0, outside: 0, count: 4294967295 }] } },
  'mighty-group': { ...closed, mightyGroups: ['docker'] },
  'no-memory-limit': limitless('memory'),
  'no-pids-limit': limitless('pids'),
  'no-cpu-limit': limitless('cpu'),
  'oom-protected': { ...closed, oomScoreAdj: -500 },
  'core-dumps': { ...closed, limits: [{ type: 'RLIMIT_CORE', soft: 'unlimited', hard: 'unlimited' }] },
  'host-root-fs': mounting(root, mount('/', 'ext4', { host: '/' })),
  'host-root-seen': mounting(closed, mount('/', 'ext4', { host: '/' })),
  'host-root-bind': mounting(closed, bind('/')),
  'engine-socket': mounting(closed, bind('/run/docker.sock')),
  'host-directories': mounting(closed, bind('/etc/cron.d')),
  'run-bind': mounting(closed, bind('/run')),
  'bind-suid': mounting(root, bind('/srv', { options: ['rw', 'nodev'] })),
  'bind-dev': mounting(root, bind('/srv', { options: ['rw', 'nosuid'] })),
  'shared-mounts': mounting(closed, bind('/srv', { tags: ['shared:7'] })),
  'writable-root': mounting(closed, mount('/', 'overlay')),
  'host-devices': mounting(closed, mount('/dev', 'devtmpfs')),
  chroot: { ...sharing(root, 'mnt'), root: { ...closed.root!, path: '/srv/jail' } },
  'proc-sys': unmounting(root, '/proc/sys'),
  sysrq: unmounting(root, '/proc/sysrq-trigger'),
  'proc-irq': unmounting(root, '/proc/irq'),
  kcore: unmounting(root, '/proc/kcore'),
  'proc-leaks': unmounting(closed, '/proc/keys'),
  firmware: unmounting(closed, '/sys/firmware'),
  sys: mounting(root, mount('/sys', 'sysfs')),
  'cgroup-files': mounting(root, mount('/sys/fs/cgroup', 'cgroup2')),
  debugfs: mounting(closed, mount('/sys/kernel/tracing', 'tracefs')),
  securityfs: mounting(closed, mount('/sys/kernel/security', 'securityfs')),
  bpffs: mounting(closed, mount('/sys/fs/bpf', 'bpf')),
  efivars: mounting(closed, mount('/sys/firmware/efi/efivars', 'efivarfs')),
  binfmt: mounting(root, mount('/proc/sys/fs/binfmt_misc', 'binfmt_misc')),
  'block-device': device('sda', 'block', 8, 0),
  'memory-device': device('mem', 'character', 1, 1),
  'kmsg-device': device('kmsg', 'character', 1, 11),
  'msr-device': device('cpu/0/msr', 'character', 202, 0),
  'kvm-device': device('kvm', 'character', 10, 232),
  'fuse-device': device('fuse', 'character', 10, 229),
  'tun-device': device('net/tun', 'character', 10, 200),
  'loop-control': device('loop-control', 'character', 10, 237),
  'mapper-control': device('mapper/control', 'character', 10, 236),
  'vfio-device': device('vfio/vfio', 'character', 10, 196),
  'input-device': device('uinput', 'character', 10, 223),
  'gpu-device': device('nvidia0', 'character', 195, 0),
  'device-rules': { ...closed, group: { ...closed.group!, devices: ['a *:* rwm'] } },
  inheritable: withStatus(closed, { inheritable: 1n }),
  'no-new-privs': withStatus(closed, { noNewPrivs: false }),
  bounding: withStatus(closed, { noNewPrivs: false, bounding: 1n }),
  'no-filter': { ...closed, seccomp: { mode: 'disabled' } },
  unconfined: labelled({ apparmor: { profile: 'unconfined' } }),
  complains: labelled({ apparmor: { profile: 'web', mode: 'complain' } }),
  'selinux-open': labelled({ selinux: 'system_u:system_r:spc_t:s0' }),
  'directory-outside': descriptor({ kind: 'directory', outside: 'host' }),
  'cwd-outside': { ...closed, cwd: { path: '/root', outside: true } },
  'file-outside': descriptor({ outside: 'host' }),
  'device-open': descriptor({ kind: 'block' }),
  'namespace-open': descriptor({ target: 'net:[4026531840]', kind: 'other' }),
  'kernel-objects': {
    ...descriptor({ target: 'anon_inode:bpf-prog', kind: 'other' }),
    namespaces: sharing(closed, 'user').namespaces,
  },
  terminal: descriptor({ target: '/dev/pts/3', kind: 'character', outside: 'host' }),
};

const ids = (facts: Facts): string[] => openingsOf(facts).map(({ id }) => id);

test('a process with nothing open weighs nothing', () => {
  expect(ids(closed)).toEqual([]);
  expect(wordFor(weightOf(openingsOf(closed)))).toBe('closed');
});

test.for(Object.entries(ways))('%s is found where it is open', ([id, facts]) => {
  expect(ids(facts)).toContain(id);
});

test.for(capabilityNames.map((name, number) => [name, number] as const))(
  '%s counts over the machine, and not over namespaces of its own',
  ([name, number]) => {
    const held = 1n << BigInt(number);
    const word = name.slice(4).toLowerCase();
    const loose = sharing(asRoot(closed), 'pid', 'net', 'ipc');
    expect(ids(withStatus(loose, { effective: held }))).toContain(`cap-${word}`);
    expect(ids(withStatus(closed, { effective: held }))).not.toContain(`cap-${word}`);
  },
);

test('there is a way for each opening but the capabilities, and every one has its words', () => {
  const known = rules.map(({ id }) => id);
  expect(new Set(known).size).toBe(known.length);
  expect(known.filter((id) => !/^(own-)?cap-/.test(id)).toSorted()).toEqual(Object.keys(ways).toSorted());
  for (const { weight, what, attack, close } of rules) {
    expect(weight).toBeGreaterThan(0);
    expect(weight).toBeLessThanOrEqual(20);
    for (const words of [what, attack, close]) expect(words).toMatch(/^\S.*[^.\s]$/);
  }
});

test('in its own network, CAP_NET_ADMIN is a way to holes of the kernel alone', () => {
  const netAdmin = withStatus(asRoot(closed), { effective: 1n << 12n });
  expect(ids(netAdmin)).toContain('own-cap-net_admin');
  expect(ids(netAdmin)).not.toContain('cap-net_admin');
});

test('what could not be seen is not open, and files that the kernel lacks cannot be', () => {
  const { root: _root, group: _group, descriptors: _descriptors, ...blind } = root;
  expect(ids({ ...blind, namespaces: [] })).toEqual(['user-namespace', 'host-root']);
  expect(ids({ ...unmounting(root, '/proc/kcore'), kernelFiles: [] })).not.toContain('kcore');
  expect(
    ids(
      mounting(
        unmounting(root, '/proc/kcore'),
        mount('/proc', 'proc', { superOptions: ['rw', 'subset=pid'] }),
      ),
    ),
  ).not.toContain('kcore');
});

test('a thread of the kernel is nobody’s door', () => {
  expect(ids({ ...sharing(root, 'mnt', 'pid', 'net'), kernelThread: true })).toEqual([]);
});

test('what an engine binds in for one container is that container’s own', () => {
  const host = '/var/lib/docker/containers/0123/hosts';
  const found = ids(mounting(root, bind(host, { options: ['rw'] })));
  expect(found).toEqual(ids(root));
  expect(ids(mounting(root, bind('/etc/hosts', { options: ['rw'] })))).toEqual(
    expect.arrayContaining(['host-directories', 'bind-suid', 'bind-dev']),
  );
});

test('a file system that another program or machine answers for is not asked', () => {
  for (const type of ['fuse', 'fuse.sshfs', 'nfs4', 'cifs', '9p', 'virtiofs', undefined])
    expect(answersItself(type)).toBe(false);
  for (const type of ['ext4', 'overlay', 'tmpfs', 'proc']) expect(answersItself(type)).toBe(true);
});

test('a throw-away layer over the machine’s root still shows that', () => {
  const over = mount('/', 'overlay', { superOptions: ['rw', 'lowerdir=/', 'upperdir=/u', 'workdir=/w'] });
  expect(ids(mounting(root, over))).toContain('host-root-seen');
});
