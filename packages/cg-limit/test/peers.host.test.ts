/** The same resources under runc and under ctr-run leave the same values in the same files. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LinuxResources } from '@ctr-tools/oci';
import { afterAll, expect, test } from 'vitest';
import { findCommand, needs, run, skip, slower, tempDir, toolPath } from '../../../test/support.ts';
import { hierarchiesOf } from '../src/layout.ts';

const resources: LinuxResources = {
  memory: { limit: 64 << 20, swap: 96 << 20, reservation: 32 << 20, swappiness: 30 },
  cpu: { shares: 512, quota: 40_000, period: 80_000, cpus: '0', mems: '0' },
  pids: { limit: 33 },
  devices: [
    { allow: false, access: 'rwm' },
    { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' },
    { allow: true, type: 'b', major: 7, access: 'r' },
  ],
};

/** Files whose values limits decide. */
const files = [
  'memory.limit_in_bytes',
  'memory.memsw.limit_in_bytes',
  'memory.soft_limit_in_bytes',
  'memory.swappiness',
  'cpu.shares',
  'cpu.cfs_quota_us',
  'cpu.cfs_period_us',
  'cpuset.cpus',
  'cpuset.mems',
  'pids.max',
  'devices.list',
];

/** A bundle whose process tells nothing and waits for its stdin to end; the files are read from outside. */
function bundle(id: string, limits: LinuxResources): string {
  const directory = tempDir('bundle');
  mkdirSync(join(directory, 'rootfs'));
  copyFileSync(findCommand('busybox')!, join(directory, 'rootfs/busybox'));
  run('runc', ['spec'], { cwd: directory });
  const spec = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'));
  spec.process.terminal = false;
  spec.process.args = ['/busybox', 'sleep', '600'];
  spec.linux.resources = limits;
  spec.linux.cgroupsPath = `/${id}`;
  writeFileSync(join(directory, 'config.json'), JSON.stringify(spec));
  return directory;
}

type Values = Record<string, string>;

/** What stands in the files, or that the runtime refuses the limits. */
function valuesUnder(
  runtime: string,
  id: string,
  limits: LinuxResources,
  names: readonly string[],
): Values | { refused: string } {
  const directory = bundle(id, limits);
  // The container has its stdio for as long as it lives.
  const created = run(
    'sh',
    ['-c', 'exec "$@" < /dev/null > log 2>&1', 'sh', runtime, 'create', '--bundle', directory, id],
    { cwd: directory },
  );
  try {
    if (created.status !== 0) return { refused: readFileSync(join(directory, 'log'), 'utf8') };
    const values: Values = {};
    for (const h of hierarchiesOf())
      for (const name of names) {
        try {
          const text = readFileSync(join(h.mountPoint, id, name), 'utf8').trim();
          values[name] = name === 'devices.list' ? text.split('\n').sort().join('\n') : text;
        } catch {
          // Another hierarchy has it.
        }
      }
    return values;
  } finally {
    run(runtime, ['delete', '--force', id]);
  }
}

const underRunc = (limits: LinuxResources, names: readonly string[] = files) =>
  valuesUnder('runc', `ctr-test-runc-${process.pid}`, limits, names);
const underOurs = (limits: LinuxResources, names: readonly string[] = files) =>
  valuesUnder(toolPath('ctr-run'), `ctr-test-ours-${process.pid}`, limits, names);

test('runc and ctr-run write the same', (context) => {
  needs(context, 'root', 'command:runc', 'command:busybox', 'cgroup-v1');
  const theirs = underRunc(resources) as Values;
  const ours = underOurs(resources);
  expect(Object.keys(theirs)).toHaveLength(files.length);
  expect(ours).toEqual(theirs);
});

/** A kernel without modules has no such file. */
const isLoaded = (module: string): boolean =>
  existsSync('/proc/modules') &&
  readFileSync('/proc/modules', 'utf8')
    .split('\n')
    .some((line) => line.startsWith(`${module} `));
let loaded = false;
afterAll(() => {
  if (loaded) run(findCommand('modprobe')!, ['-r', 'bfq']);
});

/** Whether groups have a weight of BFQ's: the file comes with the scheduler, which may be a module. */
function hasBfq(): boolean {
  const wasLoaded = isLoaded('bfq');
  if (findCommand('modprobe')) run(findCommand('modprobe')!, ['-q', 'bfq']);
  loaded ||= !wasLoaded && isLoaded('bfq');
  // The root of the hierarchy has no weight (CFTYPE_NOT_ON_ROOT in block/bfq-cgroup.c).
  const blkio = hierarchiesOf().find((h) => h.controllers.includes('blkio'))!.mountPoint;
  const group = join(blkio, `ctr-test-bfq-${process.pid}`);
  mkdirSync(group);
  try {
    return existsSync(join(group, 'blkio.bfq.weight'));
  } finally {
    rmdirSync(group);
  }
}

test.for([0, 10, 300, 1000, 1001])(
  'runc and ctr-run agree about a block I/O weight of %i',
  (weight, context) => {
    needs(context, 'root', 'command:runc', 'command:busybox', 'cgroup-v1');
    if (!hasBfq()) skip(context, 'the kernel has no BFQ');
    agree({ devices: resources.devices!, blockIO: { weight } }, ['blkio.bfq.weight']);
  },
);

test('a block I/O weight of 9: BFQ takes it, and so does runc; the spec begins at 10', (context) => {
  needs(context, 'root', 'command:runc', 'command:busybox', 'cgroup-v1');
  if (!hasBfq()) skip(context, 'the kernel has no BFQ');
  const limits = { blockIO: { weight: 9 } };
  expect(underRunc(limits, ['blkio.bfq.weight'])).toEqual({ 'blkio.bfq.weight': '9' });
  expect(underOurs(limits)).toHaveProperty('refused');
});

const M = 1 << 20;
/** Limits at and beyond the edges of what they can be. */
const edges: readonly (readonly [string, LinuxResources])[] = [
  ...[0, 1, 2, 1024, 262_144, 262_145].map((shares) => [`shares ${shares}`, { cpu: { shares } }] as const),
  ...[-1, 0, 999, 1000, 20_000].map(
    (quota) => [`quota ${quota} in 50 ms`, { cpu: { quota, period: 50_000 } }] as const,
  ),
  ['a quota alone', { cpu: { quota: 20_000 } }],
  ['a period of 0', { cpu: { quota: 20_000, period: 0 } }],
  ['a period that is too short', { cpu: { quota: 20_000, period: 999 } }],
  ['a period that is too long', { cpu: { quota: 20_000, period: 1_000_001 } }],
  ...[-1, 0, 64 * M, 64 * M - 4096].map(
    (swap) => [`swap ${swap} beside 64 MiB`, { memory: { limit: 64 * M, swap } }] as const,
  ),
  ['swap alone', { memory: { swap: 64 * M } }],
  ['memory -1', { memory: { limit: -1 } }],
  ['memory 0', { memory: { limit: 0 } }],
  ['memory and swap -1', { memory: { limit: -1, swap: -1 } }],
  ['swap beside memory -1', { memory: { limit: -1, swap: 64 * M } }],
  ...[-1, 0, 16 * M].map(
    (reservation) => [`reservation ${reservation}`, { memory: { reservation } }] as const,
  ),
  ...[0, 100, 101].map((swappiness) => [`swappiness ${swappiness}`, { memory: { swappiness } }] as const),
  ['no OOM killer', { memory: { limit: 64 * M, disableOOMKiller: true } }],
  ...[-1, 0, 1, 4_194_304, 4_194_305].map((limit) => [`pids ${limit}`, { pids: { limit } }] as const),
  ...['0', '0-1', '', '0,4000', 'x'].map((cpus) => [`CPUs "${cpus}"`, { cpu: { cpus } }] as const),
  ...['0', '', '4000'].map((mems) => [`nodes "${mems}"`, { cpu: { mems } }] as const),
  ['unified', { unified: { 'memory.high': '1048576' } }],
  ['realtime of 0', { cpu: { realtimeRuntime: 0, realtimePeriod: 0 } }],
  ['a weight on a device without BFQ', { blockIO: { weightDevice: [{ major: 7, minor: 0, weight: 100 }] } }],
];
const edgeFiles = [
  ...files.filter((name) => name !== 'devices.list'),
  'memory.oom_control',
  'cpu.rt_runtime_us',
];

function agree(limits: LinuxResources, names: readonly string[]): void {
  const theirs = underRunc(limits, names);
  const ours = underOurs(limits, names);
  if ('refused' in theirs) expect(ours, theirs.refused).toHaveProperty('refused');
  else expect(ours).toEqual(theirs);
}

/** Where starts are slow a few: the host has compared them all. */
const compared = edges.filter((_, at) => slower === 1 || at % 8 === 0);

test.for(compared)('runc and ctr-run agree about %s', { timeout: 20_000 }, ([, limits], context) => {
  needs(context, 'root', 'command:runc', 'command:busybox', 'cgroup-v1');
  agree(limits, edgeFiles);
});

/** What we do and runc does not, with the files that it leaves as they are. */
const differences: readonly {
  what: string;
  why: string;
  limits: LinuxResources;
  ours: Values;
}[] = [
  {
    what: 'a burst',
    why: 'runc has it since 1.2',
    limits: { cpu: { quota: 20_000, burst: 10_000 } },
    ours: { 'cpu.cfs_burst_us': '10000' },
  },
  {
    what: 'idle scheduling',
    why: 'runc has it since 1.2',
    limits: { cpu: { idle: 1 } },
    // An idle group has the least weight, whatever it had (WEIGHT_IDLEPRIO in kernel/sched/sched.h).
    ours: { 'cpu.idle': '1', 'cpu.shares': '3' },
  },
  {
    what: 'kernel memory',
    why: 'runc ignores it since 1.0.0-rc94, and so do we, with a warning',
    limits: { memory: { kernel: 64 * M } },
    ours: {},
  },
  {
    what: 'memory of TCP',
    why: 'runc ignores it with that of the kernel, but v1 still holds it',
    limits: { memory: { kernelTCP: 64 * M } },
    ours: { 'memory.kmem.tcp.limit_in_bytes': String(64 * M) },
  },
];

test.for(differences)('$what: $why', { timeout: 20_000 }, ({ limits, ours: wanted }, context) => {
  needs(context, 'root', 'command:runc', 'command:busybox', 'cgroup-v1');
  const names = [...edgeFiles, ...Object.keys(wanted)];
  const [theirs, ours] = [underRunc(limits, names), underOurs(limits, names)];
  expect(theirs).not.toHaveProperty('refused');
  expect(ours).toEqual({ ...theirs, ...wanted });
});
