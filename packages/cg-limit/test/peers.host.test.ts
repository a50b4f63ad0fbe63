/** The same resources under runc and under ctr-run leave the same values in the same files. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findCommand, needs, run, tempDir, toolPath } from '../../../test/support.ts';
import { hierarchiesOf } from '../src/layout.ts';

const resources = {
  memory: { limit: 64 << 20, swap: 96 << 20, reservation: 32 << 20, swappiness: 30 },
  cpu: { shares: 512, quota: 40_000, period: 80_000, cpus: '0', mems: '0' },
  pids: { limit: 33 },
  blockIO: { weight: 300 },
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
  'blkio.bfq.weight',
  'devices.list',
];

/** A bundle whose process tells nothing and waits for its stdin to end; the files are read from outside. */
function bundle(id: string): string {
  const directory = tempDir('bundle');
  mkdirSync(join(directory, 'rootfs'));
  copyFileSync(findCommand('busybox')!, join(directory, 'rootfs/busybox'));
  run('runc', ['spec'], { cwd: directory });
  const spec = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'));
  spec.process.terminal = false;
  spec.process.args = ['/busybox', 'sleep', '600'];
  spec.linux.resources = resources;
  spec.linux.cgroupsPath = `/${id}`;
  writeFileSync(join(directory, 'config.json'), JSON.stringify(spec));
  return directory;
}

function valuesUnder(runtime: string, id: string): Record<string, string> {
  const directory = bundle(id);
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
      for (const name of files) {
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
  const theirs = valuesUnder('runc', `ctr-test-runc-${process.pid}`);
  const ours = valuesUnder(toolPath('ctr-run'), `ctr-test-ours-${process.pid}`);
  expect(Object.keys(theirs)).toHaveLength(files.length);
  // tun (10:200) went from runc's defaults in 1.2.
  theirs['devices.list'] = theirs['devices.list']!.replace('c 10:200 rwm\n', '');
  expect(ours).toEqual(theirs);
});
