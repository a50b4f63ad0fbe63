/** The same resources under runc and under ctr-run leave the same values in the same files. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LinuxResources } from '@ctr-tools/oci';
import { afterAll, expect, test } from 'vitest';
import { findCommand, needs, run, skip, tempDir, toolPath } from '../../../test/support.ts';
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

function valuesUnder(
  runtime: string,
  id: string,
  limits: LinuxResources,
  names: readonly string[],
): Record<string, string> {
  const directory = bundle(id, limits);
  // The container has its stdio for as long as it lives.
  const created = run(
    'sh',
    ['-c', 'exec "$@" < /dev/null > log 2>&1', 'sh', runtime, 'create', '--bundle', directory, id],
    { cwd: directory },
  );
  try {
    expect(created.status, readFileSync(join(directory, 'log'), 'utf8')).toBe(0);
    const values: Record<string, string> = {};
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

test('runc and ctr-run write the same', (context) => {
  needs(context, 'root', 'command:runc', 'command:busybox', 'cgroup-v1');
  const theirs = valuesUnder('runc', `ctr-test-runc-${process.pid}`, resources, files);
  const ours = valuesUnder(toolPath('ctr-run'), `ctr-test-ours-${process.pid}`, resources, files);
  expect(Object.keys(theirs)).toHaveLength(files.length);
  // tun (10:200) went from runc's defaults in 1.2.
  theirs['devices.list'] = theirs['devices.list']!.replace('c 10:200 rwm\n', '');
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

test('runc and ctr-run write the same weight of block I/O', (context) => {
  needs(context, 'root', 'command:runc', 'command:busybox', 'cgroup-v1');
  if (!hasBfq()) skip(context, 'the kernel has no BFQ');
  const limits = { devices: resources.devices!, blockIO: { weight: 300 } };
  const names = ['blkio.bfq.weight'];
  const theirs = valuesUnder('runc', `ctr-test-runc-${process.pid}`, limits, names);
  const ours = valuesUnder(toolPath('ctr-run'), `ctr-test-ours-${process.pid}`, limits, names);
  expect(theirs).toEqual({ 'blkio.bfq.weight': '300' });
  expect(ours).toEqual(theirs);
});
