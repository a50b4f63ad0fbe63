/** Looking at containers, and changing their limits (runc-events(8), runc-update(8), runc-ps(8), runc-list(8)). */
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { needs, run, runTool, start, tempDir, toolPath, until } from '../../../test/support.ts';
import { ctrLeaving, makeBundle, testId } from './bundles.ts';

const ctr = (...argv: string[]) => runTool('ctr-run', argv);
const script = (lines: string): string[] => ['/bin/sh', '-c', lines];

function running(args: string[], change?: Parameters<typeof makeBundle>[1]): string {
  const id = testId();
  const made = ctrLeaving('run', '--detach', '--bundle', makeBundle(args, change), id);
  if (made.status !== 0) throw new Error(made.stderr);
  return id;
}

/** What a file of the container's own group says, from inside. */
const limit = (id: string, v1: string, v2: string) =>
  ctr(
    'exec',
    id,
    '/bin/sh',
    '-c',
    `cat /sys/fs/cgroup/${v1} 2>/dev/null || cat /sys/fs/cgroup/${v2}`,
  ).stdout.trim();

test('events tells a kill for lack of memory at once, not at the next interval, and ends with the container', async (context) => {
  needs(context, 'root');
  const id = running(
    script('while [ ! -e /go ]; do sleep 0.1; done; dd if=/dev/zero of=/dev/null bs=100M count=1; sleep 2'),
    (spec) => {
      spec.root!.readonly = false;
      spec.linux!.resources = { ...spec.linux!.resources, memory: { limit: 16 << 20, swap: 16 << 20 } };
    },
  );
  const events = start(toolPath('ctr-run'), ['events', '--interval', '60s', id]);
  await until('there are statistics', () => events.output().stdout.includes('"stats"'));
  expect(ctr('exec', id, '/bin/touch', '/go').status).toBe(0);
  await until('the kill is told', () => events.output().stdout.includes('"oom"'));
  const lines = events
    .output()
    .stdout.trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; id: string });
  expect(lines.map(({ type }) => type)).toEqual(['stats', 'oom']);
  expect(lines[1]!.id).toBe(id);
  expect((await events.ended).status).toBe(0);
  expect(ctr('delete', '--force', id).status).toBe(0);
});

test('events --stats says once what runc says', (context) => {
  needs(context, 'root');
  const id = running(['/bin/sleep', '1000']);
  const ended = ctr('events', '--stats', id);
  const { type, data } = JSON.parse(ended.stdout) as {
    type: string;
    data: Record<string, Record<string, unknown>>;
  };
  expect(type).toBe('stats');
  expect(Object.keys(data)).toEqual(expect.arrayContaining(['cpu', 'memory', 'pids', 'blkio', 'hugetlb']));
  expect(data.pids!.current).toBe(1);
  expect((data.memory!.usage as { usage: number }).usage).toBeGreaterThan(0);
  expect(ctr('events', '--interval', 'soon', id).stderr).toMatch(/--interval/);
  ctr('delete', '--force', id);
});

test('update changes limits by flag, from a file, and from stdin', (context) => {
  needs(context, 'root');
  const id = running(['/bin/sleep', '1000']);
  expect(
    ctr(
      'update',
      '--memory',
      '40m',
      '--memory-swap',
      '50m',
      '--pids-limit',
      '20',
      '--cpu-quota',
      '50000',
      '--cpu-period',
      '100000',
      id,
    ),
  ).toMatchObject({ status: 0, stderr: '' });
  expect(limit(id, 'memory/memory.limit_in_bytes', 'memory.max')).toBe(String(40 << 20));
  expect(limit(id, 'pids/pids.max', 'pids.max')).toBe('20');
  const file = `${tempDir('resources')}/r.json`;
  writeFileSync(file, JSON.stringify({ pids: { limit: 21 }, memory: {}, cpu: { shares: 0 } }));
  expect(ctr('update', '--resources', file, id)).toMatchObject({ status: 0, stderr: '' });
  expect(limit(id, 'pids/pids.max', 'pids.max')).toBe('21');
  expect(runTool('ctr-run', ['update', '-r', '-', id], { input: '{"pids":{"limit":22}}' })).toMatchObject({
    status: 0,
    stderr: '',
  });
  expect(limit(id, 'pids/pids.max', 'pids.max')).toBe('22');
  expect(ctr('update', '--memory', 'lots', id).stderr).toMatch(/--memory is "lots"/);
  expect(ctr('update', '--memory', '4m', '-r', file, id).stderr).toMatch(/--resources/);
  ctr('delete', '--force', id);
});

test('ps shows the processes by ps’s own columns, or as JSON', (context) => {
  needs(context, 'root', 'command:ps');
  const id = running(['/bin/sleep', '1000']);
  const { pid } = JSON.parse(ctr('state', id).stdout) as { pid: number };
  expect(JSON.parse(ctr('ps', '--format', 'json', id).stdout)).toEqual([pid]);
  const table = ctr('ps', id, '-o', 'pid,args').stdout.trim().split('\n');
  expect(table).toHaveLength(2);
  expect(table[1]).toMatch(new RegExp(`^\\s*${pid} .*sleep 1000`));
  expect(ctr('ps', id, '-o', 'args').stderr).toMatch(/column PID/);
  ctr('delete', '--force', id);
});

test('list shows what there is, as a table, IDs or runc’s JSON', (context) => {
  needs(context, 'root', 'command:runc');
  const root = tempDir('states');
  expect(ctr('--root', root, 'list', '--format', 'json').stdout).toBe('null');
  const id = testId();
  const bundle = makeBundle(['/bin/sleep', '1000'], (spec) => (spec.annotations = { a: 'b' }));
  expect(ctrLeaving('--root', root, 'run', '-d', '--bundle', bundle, id).status).toBe(0);
  const [ours] = JSON.parse(ctr('--root', root, 'list', '-f', 'json').stdout) as Record<string, unknown>[];
  expect(ours).toMatchObject({ id, status: 'running', bundle, owner: 'root', annotations: { a: 'b' } });
  expect(ctr('--root', root, 'list').stdout).toMatch(
    new RegExp(`^ID +PID +STATUS +BUNDLE +CREATED +OWNER\\n${id} `),
  );
  expect(ctr('--root', root, 'list', '-q').stdout).toBe(`${id}\n`);
  expect(ctr('--root', root, 'delete', '--force', id).status).toBe(0);
  const theirs = tempDir('runc');
  expect(
    run('/bin/sh', ['-c', `runc --root ${theirs} run -d --bundle ${bundle} ${id} </dev/null >/dev/null 2>&1`])
      .status,
  ).toBe(0);
  const [runcs] = JSON.parse(run('runc', ['--root', theirs, 'list', '-f', 'json']).stdout) as Record<
    string,
    unknown
  >[];
  run('runc', ['--root', theirs, 'delete', '--force', id]);
  expect(Object.keys(ours!)).toEqual(Object.keys(runcs!));
});

test('the log of an engine gets the error in logrus’ form, from the planner and from the launcher', (context) => {
  needs(context, 'root');
  const log = `${tempDir('log')}/log.json`;
  ctr('--log', log, '--log-format', 'json', 'state', 'ctr-test-nobody');
  const bundle = makeBundle(['/bin/true'], (spec) =>
    spec.mounts!.push({ destination: '/x', type: 'nosuchfs', source: 'x' }),
  );
  ctr('--log', log, '--log-format', 'json', 'run', '--bundle', bundle, testId());
  const lines = run('cat', [log])
    .stdout.trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: string; msg: string; time: string });
  expect(lines.map(({ level }) => level)).toEqual(['error', 'error']);
  expect(lines[0]!.msg).toContain('does not exist');
  expect(lines[1]!.msg).toContain('nosuchfs');
  expect(Number.isNaN(Date.parse(lines[1]!.time))).toBe(false);
});
