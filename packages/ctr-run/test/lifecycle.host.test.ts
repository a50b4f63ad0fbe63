import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { killOne, needs, runTool, start, tempDir, toolPath, until } from '../../../test/support.ts';
import { ctrLeaving, leftoversOf, makeBundle, testId } from './bundles.ts';

const ctr = (...argv: string[]) => runTool('ctr-run', argv);
const stateOf = (id: string) =>
  JSON.parse(ctr('state', id).stdout) as { status: string; pid: number; bundle: string };

test('create, start, kill, delete: the states between are those of the specification', async (context) => {
  needs(context, 'root');
  const id = testId();
  const out = tempDir('out');
  const bundle = makeBundle(['/bin/sh', '-c', 'echo started > /out/mark; exec sleep 100'], (spec) => {
    spec.mounts!.push({ destination: '/out', type: 'bind', source: out, options: ['bind', 'rw'] });
  });
  const created = ctrLeaving('create', '--bundle', bundle, '--pid-file', `${out}/pid`, id);
  expect(created).toMatchObject({ status: 0, stdout: '', stderr: '' });
  const state = stateOf(id);
  expect(state).toMatchObject({ status: 'created', bundle, ociVersion: '1.3.0', id });
  expect(readFileSync(`${out}/pid`, 'utf8')).toBe(String(state.pid));
  expect(existsSync(`${out}/mark`)).toBe(false);
  expect(ctr('delete', id)).toMatchObject({ status: 1 });
  expect(ctrLeaving('create', '--bundle', bundle, id).stderr).toContain(id);
  expect(ctr('start', id)).toMatchObject({ status: 0, stderr: '' });
  await until('the command runs', () => existsSync(`${out}/mark`));
  expect(stateOf(id).status).toBe('running');
  expect(ctr('start', id)).toMatchObject({ status: 1 });
  expect(ctr('list', '-q').stdout.split('\n')).toContain(id);
  expect(ctr('kill', id, 'KILL')).toMatchObject({ status: 0, stderr: '' });
  await until('it has stopped', () => stateOf(id).status === 'stopped');
  expect(ctr('kill', id).stderr).toContain('container not running');
  expect(ctr('delete', id)).toMatchObject({ status: 0, stderr: '' });
  expect(ctr('state', id).stderr).toContain('does not exist');
  expect(leftoversOf(id)).toEqual([]);
});

test('start of a container that died after create is an error at once, and delete removes it', (context) => {
  needs(context, 'root');
  const id = testId();
  expect(ctrLeaving('create', '--bundle', makeBundle(['/bin/true']), id).status).toBe(0);
  process.kill(stateOf(id).pid, 'SIGKILL');
  const begun = Date.now();
  const started = ctr('start', id);
  expect(started.status).toBe(1);
  expect(started.stderr).toMatch(/stopped|died/);
  expect(Date.now() - begun).toBeLessThan(5000);
  expect(ctr('delete', id)).toMatchObject({ status: 0, stderr: '' });
});

test('start of a container that dies before it hears of it is an error too', async (context) => {
  needs(context, 'root');
  const id = testId();
  expect(ctrLeaving('create', '--bundle', makeBundle(['/bin/true']), id).status).toBe(0);
  const { pid } = stateOf(id);
  killOne(pid, 'SIGSTOP');
  const starting = start(toolPath('ctr-run'), ['start', id]);
  await until('the word was given', () => !existsSync(`/run/ctr-run/${id}/start.fifo`));
  // Who comes second is told so, and the first is none the worse for it.
  expect(ctr('start', id).status).toBe(1);
  killOne(pid);
  expect(await starting.ended).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('died after create'),
  });
  expect(ctr('delete', id)).toMatchObject({ status: 0, stderr: '' });
});

test('delete --force removes what runs, and is content with what is not there', (context) => {
  needs(context, 'root');
  const id = testId();
  expect(ctrLeaving('run', '--detach', '--bundle', makeBundle(['/bin/sleep', '100']), id).status).toBe(0);
  expect(stateOf(id).status).toBe('running');
  expect(ctr('delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
  expect(ctr('delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
  expect(ctr('delete', id).status).toBe(1);
});

test('a supervisor that was killed leaves a container that delete can remove', async (context) => {
  needs(context, 'root');
  const id = testId();
  const supervised = start(toolPath('ctr-run'), ['run', '--bundle', makeBundle(['/bin/sleep', '100']), id]);
  await until('it runs', () => ctr('state', id).status === 0 && stateOf(id).status === 'running');
  const { pid } = stateOf(id);
  supervised.child.kill('SIGKILL');
  await until('the supervisor has gone', () => supervised.child.signalCode === 'SIGKILL');
  expect(ctr('delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
  await supervised.ended;
  // Its new parent reaps it when it likes; until then it is a zombie without anything.
  expect(existsSync(`/proc/${pid}/exe`)).toBe(false);
  expect(leftoversOf(id)).toEqual([]);
});

test('a signal to the supervisor reaches the container', async (context) => {
  needs(context, 'root');
  const id = testId();
  const bundle = makeBundle([
    '/bin/sh',
    '-c',
    'trap "echo told; exit 7" TERM; echo ready; while :; do sleep 0.1; done',
  ]);
  const supervised = start(toolPath('ctr-run'), ['run', '--bundle', bundle, id]);
  await until('it is ready', () => supervised.output().stdout.includes('ready'));
  supervised.child.kill('SIGTERM');
  const ended = await supervised.ended;
  expect(ended).toMatchObject({ status: 7, stdout: 'ready\ntold\n' });
});

test('while a container runs no planner exists, and the supervisor holds at most 1 MB', async (context) => {
  needs(context, 'root');
  const id = testId();
  const supervised = start(toolPath('ctr-run'), ['run', '--bundle', makeBundle(['/bin/sleep', '100']), id]);
  await until('it runs', () => ctr('state', id).status === 0 && stateOf(id).status === 'running');
  const pid = supervised.child.pid!;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  expect(children).toEqual([String(stateOf(id).pid)]);
  const resident = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  expect(resident).toBeLessThanOrEqual(1024);
  ctr('delete', '--force', id);
  await supervised.ended;
});
