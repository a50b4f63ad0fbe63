/** What exec and update change of a container that runs, each by its flag (runc-exec(8), runc-update(8)), and who looks at it meanwhile. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { lacking, needs, run, runTool, skip, start, toolPath, until } from '../../../test/support.ts';
import { ctrLeaving, makeBundle, testId } from './bundles.ts';

const ctr = (...argv: string[]) => runTool('ctr-run', argv);
const script = (lines: string): string[] => ['/bin/sh', '-c', lines];

function running(args: readonly string[] = ['/bin/sleep', '1000']): string {
  const id = testId();
  const made = ctrLeaving('run', '--detach', '--bundle', makeBundle(args), id);
  if (made.status !== 0) throw new Error(made.stderr);
  return id;
}
const stateOf = (id: string) => JSON.parse(ctr('state', id).stdout) as { status: string; pid: number };

test('exec puts the process under the label and the profile that are named, or says what the kernel lacks', (context) => {
  needs(context, 'root');
  const id = running();
  const labelled = ctr('exec', '--process-label', 'u:r:t:s0', id, '/bin/true');
  if (lacking('selinux')) expect(labelled.stderr).toMatch(/SELinux/);
  const confined = ctr('exec', '--apparmor', 'ctr-test-no-such-profile', id, '/bin/true');
  expect(confined.stderr).toMatch(lacking('apparmor') ? /AppArmor/ : /ctr-test-no-such-profile/);
  expect(confined.status).toBe(255);
  expect(ctr('exec', '--no-new-privs', id, '/bin/grep', 'NoNewPrivs', '/proc/self/status').stdout).toBe(
    'NoNewPrivs:\t1\n',
  );
  ctr('delete', '--force', id);
});

test('exec enters one group in several hierarchies', (context) => {
  needs(context, 'root', 'cgroup-v1');
  const id = running();
  const made = `for c in pids memory; do mkdir -p /sys/fs/cgroup/$c/$(awk -F: -v c=$c '$2 ~ "(^|,)" c "(,|$)" { print $3 }' /proc/PID/cgroup)/ctr-test-sub; done`;
  const { pid } = stateOf(id);
  expect(run('/bin/sh', ['-c', made.replace('PID', String(pid))]).status).toBe(0);
  const ended = ctr(
    'exec',
    '--cgroup',
    'pids,memory:/ctr-test-sub',
    id,
    '/bin/grep',
    '-E',
    ':(pids|memory|freezer):',
    '/proc/self/cgroup',
  );
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  const paths = Object.fromEntries(
    ended.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(':').slice(1) as [string, string]),
  );
  expect(paths).toMatchObject({ pids: '/ctr-test-sub', memory: '/ctr-test-sub', freezer: '/' });
  expect(ctr('exec', '--cgroup', 'nonsense:/x', id, '/bin/true').stderr).toMatch(/nonsense/);
  ctr('delete', '--force', id);
});

describe('update by each flag', () => {
  const rows: [string, string, string, string, string, string][] = [
    ['--memory', '40m', 'memory', 'memory.limit_in_bytes', 'memory.max', String(40 << 20)],
    ['--memory-reservation', '20m', 'memory', 'memory.soft_limit_in_bytes', 'memory.low', String(20 << 20)],
    ['--cpu-share', '512', 'cpu', 'cpu.shares', '', '512'],
    ['--cpu-period', '50000', 'cpu', 'cpu.cfs_period_us', '', '50000'],
    ['--cpu-quota', '30000', 'cpu', 'cpu.cfs_quota_us', '', '30000'],
    ['--cpuset-cpus', '0', 'cpuset', 'cpuset.cpus', 'cpuset.cpus', '0'],
    ['--cpuset-mems', '0', 'cpuset', 'cpuset.mems', 'cpuset.mems', '0'],
    ['--pids-limit', '33', 'pids', 'pids.max', 'pids.max', '33'],
    ['--cpu-idle', '1', 'cpu', 'cpu.idle', 'cpu.idle', '1'],
  ];
  test.for(rows)('%s', ([flag, value, controller, v1, v2, wanted], context) => {
    needs(context, 'root');
    const id = running();
    try {
      const ended = ctr('update', flag, value, id);
      const { cgroup } = JSON.parse(readFileSync(`/run/ctr-run/${id}/state.json`, 'utf8')) as {
        cgroup: { paths: Record<string, string> };
      };
      const file =
        cgroup.paths[controller] === undefined
          ? `${cgroup.paths.unified}/${v2}`
          : `${cgroup.paths[controller]}/${v1}`;
      if (v2 === '' && cgroup.paths[controller] === undefined)
        skip(context, `${controller} is not a controller of v1 here, and v2 counts otherwise`);
      // A kernel without the file says so; all else must have been set.
      if (!existsSync(file)) expect(ended.stderr).toContain(controller);
      else {
        expect(ended).toMatchObject({ status: 0, stderr: '' });
        expect(readFileSync(file, 'utf8').trim()).toBe(wanted);
      }
    } finally {
      ctr('delete', '--force', id);
    }
  });

  test('idle scheduling ends, and a burst goes, by 0', (context) => {
    needs(context, 'root', 'cgroup-v1', 'file:/sys/fs/cgroup/cpu/cpu.idle');
    const id = running();
    try {
      const { cgroup } = JSON.parse(readFileSync(`/run/ctr-run/${id}/state.json`, 'utf8'));
      const held = (name: string) => readFileSync(`${cgroup.paths.cpu}/${name}`, 'utf8').trim();
      const update = (...flags: string[]) =>
        expect(ctr('update', ...flags, id)).toMatchObject({ status: 0, stderr: '' });
      update('--cpu-idle', '1', '--cpu-quota', '20000', '--cpu-burst', '8000');
      expect([held('cpu.idle'), held('cpu.cfs_burst_us')]).toEqual(['1', '8000']);
      update('--cpu-idle', '0', '--cpu-quota', '5000', '--cpu-burst', '0');
      expect([held('cpu.idle'), held('cpu.cfs_burst_us')]).toEqual(['0', '0']);
    } finally {
      ctr('delete', '--force', id);
    }
  });

  test('a class of service needs one, and resctrl', (context) => {
    needs(context, 'root');
    const id = running();
    const ended = ctr('update', '--l3-cache-schema', 'L3:0=f', '--mem-bw-schema', 'MB:0=50', id);
    expect(ended.stderr).toMatch(/without linux\.intelRdt/);
    expect(ended.status).toBe(1);
    ctr('delete', '--force', id);
  });
});

test('events tells statistics at each interval, and leaves with the container', async (context) => {
  needs(context, 'root');
  const id = running();
  const events = start(toolPath('ctr-run'), ['events', '--interval=1s', id]);
  await until('there are three', () => events.output().stdout.split('"stats"').length > 3, 20_000);
  const begun = Date.now();
  ctr('kill', id, 'KILL');
  expect((await events.ended).status).toBe(0);
  expect(Date.now() - begun).toBeLessThan(5000);
  ctr('delete', '--force', id);
});

test('run --keep leaves state and groups for who looks, until delete', (context) => {
  needs(context, 'root');
  const [id, bundle] = [testId(), makeBundle(script('exit 3'))];
  expect(ctr('run', '--keep', '--bundle', bundle, id)).toMatchObject({ status: 3, stderr: '' });
  expect(stateOf(id)).toMatchObject({ status: 'stopped', pid: 0 });
  expect(run('find', ['/sys/fs/cgroup', '-name', `*${id}`]).stdout).not.toBe('');
  expect(ctr('delete', id).status).toBe(0);
  expect(run('find', ['/sys/fs/cgroup', '-name', `*${id}`]).stdout).toBe('');
});
