/** Facts of processes as they were recorded once, for tests that need no process. */
import type { Facts, MountFact, NamespaceFact } from '../../src/inspect/facts.ts';
import { kernelPaths } from '../../src/inspect/facts.ts';

export const types = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'] as const;

export const namespace = (
  type: (typeof types)[number],
  ofPid1: boolean | undefined,
  changed: Partial<NamespaceFact> = {},
): NamespaceFact => ({
  type,
  inode: 4026531834 + types.indexOf(type) + (ofPid1 ? 0 : 600),
  ofPid1,
  ofCaller: ofPid1 === true,
  others: { count: 0, some: [] },
  ...changed,
});

let mounted = 100;
export const mount = (mountPoint: string, type: string, changed: Partial<MountFact> = {}): MountFact => ({
  id: ++mounted,
  parent: 100,
  device: '0:70',
  root: '/',
  mountPoint,
  options: ['rw', 'nosuid', 'nodev', 'noexec'],
  tags: [],
  type,
  source: type,
  superOptions: ['rw'],
  ...changed,
});

const ro = { options: ['ro', 'nosuid', 'nodev', 'noexec'] };
const mask = (path: string): MountFact => mount(path, 'tmpfs', { root: '/null' });

/** A container of an unmapped user with nothing open at all. */
export const closed: Facts = {
  pid: 4711,
  command: '/bin/web --port 8080',
  kernelThread: false,
  state: 'S',
  ageMs: 192_000,
  status: {
    name: 'web',
    uids: [100000, 100000, 100000, 100000],
    gids: [100000, 100000, 100000, 100000],
    groups: [],
    noNewPrivs: true,
    bounding: 0n,
    permitted: 0n,
    effective: 0n,
    inheritable: 0n,
    ambient: 0n,
  },
  lastCapability: 40,
  namespaces: types.map((type) => namespace(type, type === 'time')),
  maps: {
    uid: [{ inside: 0, outside: 100000, count: 65536 }],
    gid: [{ inside: 0, outside: 100000, count: 65536 }],
  },
  group: {
    mode: 'v2',
    inRoot: false,
    v1: false,
    report: {
      group: '/web',
      paths: { unified: '/sys/fs/cgroup/web' },
      processes: 2,
      frozen: false,
      lines: [
        { name: 'memory', unit: 'bytes', limit: 67108864, use: 12582912, pressure: 0 },
        { name: 'cpu', unit: 'cpus', limit: 0.5, use: 3.2 },
        { name: 'pids', unit: 'count', limit: 100, use: 2 },
      ],
    },
  },
  root: {
    path: '/',
    devices: [{ name: 'null', type: 'character', major: 1, minor: 3 }],
    mounts: [
      {
        ...mount('/', 'overlay', ro),
        id: 100,
        parent: 99,
        superOptions: ['rw', 'lowerdir=/l/b\\:x:/l/a', 'upperdir=/u', 'workdir=/w'],
      },
      mount('/proc', 'proc'),
      mount('/dev', 'tmpfs'),
      mount('/sys', 'sysfs', ro),
      mount('/sys/fs/cgroup', 'cgroup2', ro),
      ...['/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/scsi', '/proc/acpi', '/sys/firmware'].map(
        mask,
      ),
      ...['/proc/sys', '/proc/sysrq-trigger', '/proc/irq'].map((path) => mount(path, 'proc', ro)),
    ],
  },
  seccomp: { mode: 'filter', filters: 1 },
  modules: { apparmor: false, selinux: false },
  limits: [{ type: 'RLIMIT_NOFILE', soft: '1024', hard: '4096' }],
  oomScoreAdj: 0,
  descriptors: { count: 3, seen: [] },
  cwd: { path: '/', outside: false },
  mightyGroups: [],
  tiocsti: true,
  kernelFiles: kernelPaths,
  unseen: [],
  ended: false,
};

/** The same with changes of a status. */
export const withStatus = (facts: Facts, status: Partial<Facts['status']>): Facts => ({
  ...facts,
  status: { ...facts.status, ...status },
});

/** Root of the machine, in namespaces of its own but for users. */
export const asRoot = (facts: Facts): Facts => ({
  ...withStatus(facts, { uids: [0, 0, 0, 0], gids: [0, 0, 0, 0] }),
  namespaces: facts.namespaces.map((n) => (n.type === 'user' ? namespace('user', true) : n)),
  maps: {
    uid: [{ inside: 0, outside: 0, count: 4294967295 }],
    gid: [{ inside: 0, outside: 0, count: 4294967295 }],
  },
});

export const sharing = (facts: Facts, ...shared: string[]): Facts => ({
  ...facts,
  namespaces: facts.namespaces.map((n) => (shared.includes(n.type) ? namespace(n.type, true) : n)),
});

/** With these mounts over or beside its own. */
export const mounting = (facts: Facts, ...mounts: MountFact[]): Facts => ({
  ...facts,
  root: { ...facts.root!, mounts: [...facts.root!.mounts, ...mounts] },
});

/** Without the mounts at these paths. */
export const unmounting = (facts: Facts, ...paths: string[]): Facts => ({
  ...facts,
  root: { ...facts.root!, mounts: facts.root!.mounts.filter((m) => !paths.includes(m.mountPoint)) },
});

/** What a stranger may be called. */
export const hostile = '\x1b]0;x\x07\x9b31m<b a="1">&\'\udc9b\u202e\n';
