/**
 * Processes of a container that somebody moved to other groups: what ends a container ends them too, and
 * what answers 0 has ended all. runc's `delete --force` does so; its `kill --all` and `ps` know the groups alone.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { afterEach, expect, type TestContext, test } from 'vitest';
import { needs, run, runTool, start, tempDir, toolPath, until } from '../../../test/support.ts';
import { ctrLeaving, leftoversOf, makeBundle, testId } from './bundles.ts';

const ctr = (...argv: string[]) => runTool('ctr-run', argv);
const pids = (id: string) => JSON.parse(ctr('ps', '--format', 'json', id).stdout) as number[];
const noPidNamespace: Parameters<typeof makeBundle>[1] = (spec) => {
  spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== 'pid');
};

/** Whether it is there and no zombie (proc_pid_stat(5), field 3). */
function isAlive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
}

/** Every hierarchy's mount point, with the controllers that it has as v1. */
const hierarchies = readFileSync('/proc/self/mountinfo', 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [type, , options = ''] = after.split(' ');
    const at = before.split(' ')[4]!;
    return /^cgroup2?$/.test(type!) ? [{ at, controllers: options.split(',') }] : [];
  });

const away: string[] = [];
/** Move a process into a group of its own in each hierarchy, or in those of some controllers alone. */
function moveAway(pid: number, wanted = (_: readonly string[]): boolean => true): void {
  for (const { at, controllers } of hierarchies.filter((h) => wanted(h.controllers))) {
    const group = `${at}/ctr-test-away-${process.pid}`;
    if (!away.includes(group)) away.push(group);
    mkdirSync(group, { recursive: true });
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      if (controllers.includes('cpuset')) writeFileSync(`${group}/${file}`, readFileSync(`${at}/${file}`));
    writeFileSync(`${group}/cgroup.procs`, String(pid));
  }
}

afterEach(async () => {
  const left = away.splice(0).filter((group) => existsSync(group));
  await until('the groups are empty', () =>
    left.every((group) => readFileSync(`${group}/cgroup.procs`, 'utf8') === ''),
  );
  for (const group of left) rmdirSync(group);
});

const script = ['/bin/sh', '-c', 'sleep 1000 & exec sleep 1001'];

/** A container that runs, with its first process moved away everywhere, and not before it has a child in the group. */
async function moved(context: TestContext, change: Parameters<typeof makeBundle>[1] = () => {}) {
  needs(context, 'root');
  const id = testId();
  const file = `${tempDir('pid')}/pid`;
  const bundle = makeBundle(script, change);
  expect(ctrLeaving('run', '-d', '--pid-file', file, '--bundle', bundle, id)).toMatchObject({ stderr: '' });
  const pid = Number(readFileSync(file, 'utf8'));
  await until('the other is there', () => pids(id).length === 2);
  moveAway(pid);
  return { id, pid };
}

test.for([
  ['its own PID namespace', () => {}],
  ['the PID namespace of the host', noPidNamespace],
] as const)(
  'delete --force ends a first process that is in other groups: %s',
  async ([, change], context) => {
    const { id, pid } = await moved(context, change);
    const all = pids(id);
    expect(all).toContain(pid);
    expect(leftoversOf(id)).not.toEqual([]);
    expect(ctr('delete', '--force', id)).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
    expect(all.filter(isAlive)).toEqual([]);
    expect(leftoversOf(id)).toEqual([]);
  },
);

test.for(['runc', 'crun'])('%s ends it so, too', async (peer, context) => {
  needs(context, 'root', `command:${peer}`);
  // crun makes no container under hybrid hierarchies.
  if (peer === 'crun') needs(context, 'cgroup-v2');
  const id = testId();
  const file = `${tempDir('pid')}/pid`;
  const bundle = makeBundle(script, () => {}, 'runc');
  const words = ['run', '-d', '--pid-file', file, '--bundle', bundle, id];
  const lines = `exec ${[peer, ...words].join(' ')} </dev/null >/dev/null 2>&1`;
  const listed = () => JSON.parse(run(peer, ['ps', '--format', 'json', id]).stdout) as number[];
  expect(run('/bin/sh', ['-c', lines])).toMatchObject({ status: 0 });
  const pid = Number(readFileSync(file, 'utf8'));
  await until('the other is there', () => listed().length === 2);
  moveAway(pid);
  expect(run(peer, ['delete', '--force', id])).toMatchObject({ status: 0 });
  await until('it is gone', () => !isAlive(pid));
});

test('kill --all ID KILL ends it, and waits for the end', async (context) => {
  const { id, pid } = await moved(context, noPidNamespace);
  const all = pids(id);
  expect(ctr('kill', '--all', id, 'KILL')).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
  expect([pid, ...all].filter(isAlive)).toEqual([]);
  expect(ctr('delete', id)).toMatchObject({ status: 0, stderr: '' });
});

test('kill --all with another signal reaches each process once', async (context) => {
  needs(context, 'root');
  const id = testId();
  const out = tempDir('out');
  const file = `${out}/pid`;
  const listen = 'trap "echo $0 >> /out/got" USR1; echo $0 >> /out/up; while :; do sleep 0.05; done';
  const bundle = makeBundle(['/bin/sh', '-c', `sh -c '${listen}' other & ${listen}`, 'first'], (spec) => {
    spec.mounts!.push({ destination: '/out', type: 'bind', source: out, options: ['bind', 'rw'] });
  });
  expect(ctrLeaving('run', '-d', '--pid-file', file, '--bundle', bundle, id)).toMatchObject({ stderr: '' });
  const lines = (name: string) =>
    existsSync(`${out}/${name}`) ? readFileSync(`${out}/${name}`, 'utf8').trim().split('\n').toSorted() : [];
  await until('both listen', () => lines('up').length === 2);
  moveAway(Number(readFileSync(file, 'utf8')));
  expect(ctr('kill', '--all', id, 'USR1')).toEqual({ status: 0, signal: null, stdout: '', stderr: '' });
  await until('both have heard', () => lines('got').length >= 2);
  // One that came twice would have come by now: a trap runs after the sleep of 0.05 s.
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(lines('got')).toEqual(['first', 'other']);
  expect(ctr('delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
});

test('a process that is left in one hierarchy alone is ended by delete and shown by ps', async (context) => {
  needs(context, 'root', 'cgroup-v1');
  const id = testId();
  const bundle = makeBundle(['/bin/sh', '-c', 'sleep 1000 & true'], noPidNamespace);
  expect(ctrLeaving('run', '-d', '--bundle', bundle, id).status).toBe(0);
  await until('its first process has ended', () => JSON.parse(ctr('state', id).stdout).status === 'stopped');
  const [left] = pids(id);
  moveAway(left!, (controllers) => !controllers.includes('memory'));
  expect(pids(id)).toEqual([left]);
  expect(ctr('delete', id)).toMatchObject({ status: 0, stderr: '' });
  expect(isAlive(left!)).toBe(false);
  expect(leftoversOf(id)).toEqual([]);
});

test('one that cannot die is an error that says so, and the container is not forgotten', async (context) => {
  needs(context, 'root', 'cgroup-v1');
  const { id, pid } = await moved(context);
  const freezer = away.find((group) => existsSync(`${group}/freezer.state`))!;
  writeFileSync(`${freezer}/freezer.state`, 'FROZEN');
  try {
    const ended = ctr('delete', '--force', id);
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(
      new RegExp(`^ctr-run: wait for the end of process ${pid}: .*does not die of SIGKILL.*frozen`),
    );
  } finally {
    writeFileSync(`${freezer}/freezer.state`, 'THAWED');
  }
  expect(ctr('delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
  expect(isAlive(pid)).toBe(false);
});

test('pause says that the first process is not in the group that it would stop', async (context) => {
  const { id } = await moved(context);
  const paused = ctr('pause', id);
  expect(paused.status).toBe(1);
  expect(paused.stderr).toMatch(/^ctr-run: cannot pause container .*its first process .* has left/);
  expect(ctr('delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
});

/** A state as it stands while a container is made, with another process as its maker. */
function half(maker: number): string {
  const id = testId();
  const stat = readFileSync(`/proc/${maker}/stat`, 'latin1');
  const startTime = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  const state = {
    ociVersion: '1.2.0',
    id,
    status: 'creating',
    maker: { pid: maker, startTime },
    bundle: '/',
  };
  mkdirSync(`/run/ctr-run/${id}`, { recursive: true });
  writeFileSync(
    `/run/ctr-run/${id}/state.json`,
    JSON.stringify({ ...state, created: '2020-01-01T00:00:00Z', owner: 0 }),
  );
  return id;
}

test('delete --force of a container that is being made ends its maker first', async (context) => {
  needs(context, 'root');
  const maker = start('/bin/sleep', ['1000']);
  const id = half(maker.child.pid!);
  expect(JSON.parse(ctr('state', id).stdout)).toMatchObject({ status: 'creating', pid: 0 });
  expect(ctr('kill', '--all', id, 'KILL')).toMatchObject({ status: 1 });
  expect(ctr('delete', id)).toMatchObject({ status: 1 });
  expect(ctr('delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
  expect(await maker.ended).toMatchObject({ signal: 'SIGKILL' });
  expect(leftoversOf(id)).toEqual([]);
});

test('delete --force of what is made and deleted at once leaves nothing alive, whatever it answers', async (context) => {
  needs(context, 'root');
  const bundle = makeBundle(['/bin/sleep', '1000'], noPidNamespace);
  for (let round = 0; round < 16; round += 3) {
    const id = testId();
    const making = start(toolPath('ctr-run'), ['create', '--bundle', bundle, id]);
    await until('it has begun', () => existsSync(`/run/ctr-run/${id}/state.json`));
    // Spread over the time that a start takes.
    await new Promise((resolve) => setTimeout(resolve, round));
    const first = ctr('delete', '--force', id);
    // Its pipes are open for as long as a container that has come nevertheless.
    await until('create has ended', () => making.child.exitCode !== null || making.child.signalCode !== null);
    if (first.status === 0) expect(leftoversOf(id)).toEqual([]);
    else expect(first.stderr).toContain('delete it again');
    expect(ctr('delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
    expect(leftoversOf(id)).toEqual([]);
  }
});
