/** Acts on groups that run. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needs, runTool, slower, start, tempDir, toolPath, until } from '../../../test/support.ts';
import { carriedBy, hierarchiesOf } from '../src/layout.ts';

const path = `/ctr-test-acts-${process.pid}`;
const here = hierarchiesOf();
const directory = (controller: string): string =>
  join(
    (here.find((h) => carriedBy(h).includes(controller)) ?? here.find((h) => h.version === 2)!).mountPoint,
    path,
  );
const cg = (...args: string[]) => runTool('cg-limit', args);
const file = (controller: string, name: string): string =>
  readFileSync(join(directory(controller), name), 'utf8').trim();

/** A command in a group of its own, once it is there. */
async function running(limits: readonly string[], line: string) {
  const started = start(toolPath('cg-limit'), [...limits, '--cgroup', path, '--', 'sh', '-c', line]);
  const there = () => existsSync(directory('pids')) && file('pids', 'cgroup.procs') !== '';
  await until('the command runs', there);
  return started;
}

/** End the group's command, and wait for the supervisor, which takes the group away after it. */
async function end(started: ReturnType<typeof start>): Promise<void> {
  expect(cg('--kill', path)).toMatchObject({ status: 0, stderr: '' });
  await started.ended;
}

describe('--update', () => {
  test('raises and lowers what runs, by path, PID and resources', async (context) => {
    needs(context, 'root', 'cgroup-v1');
    const started = await running(['--memory', '64M', '--memory-swap', '80M'], 'sleep 600');
    expect(cg('--update', path, '--memory', '128M', '--memory-swap', '128M', '--cpus', '1.5')).toMatchObject({
      status: 0,
      stderr: '',
    });
    expect(file('memory', 'memory.limit_in_bytes')).toBe(String(128 << 20));
    expect(file('memory', 'memory.memsw.limit_in_bytes')).toBe(String(128 << 20));
    expect(file('cpu', 'cpu.cfs_quota_us')).toBe('150000');
    const [pid] = file('pids', 'cgroup.procs').split('\n');
    expect(cg('--update', pid!, '--memory', '32M', '--memory-swap', '32M').status).toBe(0);
    expect(file('memory', 'memory.memsw.limit_in_bytes')).toBe(String(32 << 20));
    const resources = JSON.stringify({ pids: { limit: 12 }, cpu: { shares: 512 } });
    expect(runTool('cg-limit', ['--update', path, '--resources', '-'], { input: resources })).toMatchObject({
      status: 0,
      stderr: '',
    });
    expect([file('pids', 'pids.max'), file('cpu', 'cpu.shares')]).toEqual(['12', '512']);
    await end(started);
  });

  test('is all or nothing', async (context) => {
    needs(context, 'root', 'cgroup-v1');
    const started = await running(['--pids-limit', '9', '--memory', '64M'], 'sleep 600');
    const refused = cg('--update', path, '--memory', '32M', '--cpus', '1', '--cpuset-cpus', '4000');
    expect(refused.status).toBe(125);
    expect(refused.stderr).toMatch(/^cg-limit: set the CPUs of .* to 4000: .*; nothing was changed\n$/);
    expect(file('memory', 'memory.limit_in_bytes')).toBe(String(64 << 20));
    expect(file('cpu', 'cpu.cfs_quota_us')).toBe('-1');
    await end(started);
  });

  test('a limit below what is in use is refused by v1', async (context) => {
    needs(context, 'root', 'cgroup-v1');
    // A shell variable of 30 MB stays in memory.
    const started = await running(
      ['--memory', '100M', '--memory-swap', '100M'],
      'x=$(head -c 30000000 /dev/zero | tr \'\\0\' x); echo ready; sleep 600; : "$x"',
    );
    await until('it has the memory', () => started.output().stdout.includes('ready'));
    const refused = cg('--update', path, '--memory', '4M', '--memory-swap', '4M');
    expect(refused.stderr).toContain('the group uses more than that');
    await end(started);
  });

  test('devices of v1, there and back', async (context) => {
    needs(context, 'root', 'cgroup-v1');
    const started = await running([], 'sleep 600');
    expect(cg('--update', path, '--device', '/dev/kmsg:r').status).toBe(0);
    expect(file('devices', 'devices.list').split('\n')).toContain('c 1:11 r');
    expect(file('devices', 'devices.list')).not.toContain('a *:* rwm');
    expect(cg('--update', path, '--device', 'all').status).toBe(0);
    expect(file('devices', 'devices.list')).toBe('a *:* rwm');
    await end(started);
  });

  test('of the whole machine is refused', (context) => {
    needs(context, 'root');
    expect(cg('--update', '/', '--memory', '1G').stderr).toContain('hold the whole machine');
  });
});

test('--freeze stops everything, --thaw lets it go on', async (context) => {
  needs(context, 'root');
  const counter = join(tempDir('freeze'), 'n');
  const started = await running([], `while :; do echo >> ${counter}; sleep 0.01; done`);
  const count = (): number => (existsSync(counter) ? readFileSync(counter).length : 0);
  await until('it counts', () => count() > 2);
  // More than once, for a shell that waits in vfork(2) is what v1's freezer misses now and then.
  for (const _ of Array(slower > 1 ? 3 : 10)) {
    try {
      expect(cg('--freeze', path)).toMatchObject({ status: 0, stderr: '' });
      const frozen = count();
      expect(cg('--show', path).stdout).toContain(', frozen');
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(count()).toBe(frozen);
    } finally {
      // Nobody who is frozen by v1 dies of SIGKILL.
      expect(cg('--thaw', path)).toMatchObject({ status: 0, stderr: '' });
    }
    const frozen = count();
    await until('it goes on', () => count() > frozen);
  }
  await end(started);
});

test('--kill ends a tree that forks all the time', async (context) => {
  needs(context, 'root');
  // Every process forks for ever, and none minds that it is refused.
  const started = await running(['--pids-limit', '60', '--cpus', '50%'], "exec perl -e 'while (1) { fork }'");
  await until('it has grown', () => Number(file('pids', 'pids.current')) > 20);
  await end(started);
  expect(existsSync(directory('pids'))).toBe(false);
});

describe('--show', () => {
  test('each limit beside its use, for people and programs', async (context) => {
    needs(context, 'root');
    const started = await running(['--memory', '64M', '--pids-limit', '5', '--cpus', '0.5'], 'sleep 600');
    const table = cg('--show', path).stdout;
    expect(table).toMatch(/^\/ctr-test-acts-\d+: [12] process(es)?\n/);
    expect(table).toMatch(/^memory +64 MiB +\S+ \S+ +\S+ \S+/m);
    expect(table).toMatch(/^cpu +0\.5 CPUs +/m);
    const report = JSON.parse(cg('--show', path, '--json').stdout);
    expect(report.lines.find((l: { name: string }) => l.name === 'pids')).toMatchObject({ limit: 5 });
    expect(report.lines.find((l: { name: string }) => l.name === 'memory').limit).toBe(64 << 20);
    const tree = cg('--show').stdout;
    expect(tree).toContain(`─${path.slice(1)}`);
    expect(cg('--show=/not/there').stderr).toContain('there is no group /not/there');
    expect(cg('--show=no-such-container').stderr).toContain('there is no container "no-such-container"');
    expect(cg('--watch', path).stdout).toMatch(/LAST 30 SECONDS[\s\S]*^memory .*[▁-█]$/m);
    await end(started);
  });

  test('a process that is not there', () =>
    expect(cg('--show', '4194304').stderr).toBe('cg-limit: there is no process 4194304\n'));
});
