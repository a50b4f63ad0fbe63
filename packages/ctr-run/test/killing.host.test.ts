/** Signals, and that nothing of a container lives longer than it (runc-kill(8); runtime.md, Kill and Delete). */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { needs, run, runTool, start, toolPath, until } from '../../../test/support.ts';
import { ctrLeaving, makeBundle, testId } from './bundles.ts';

const ctr = (...argv: string[]) => runTool('ctr-run', argv);
const stateOf = (id: string) => JSON.parse(ctr('state', id).stdout) as { status: string; pid: number };
const script = (lines: string): string[] => ['/bin/sh', '-c', lines];
const pids = (id: string) => JSON.parse(ctr('ps', '--format', 'json', id).stdout) as number[];

const noPidNamespace: Parameters<typeof makeBundle>[1] = (spec) => {
  spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== 'pid');
};

test.each([
  ['TERM', 15],
  ['SIGTERM', 15],
  ['term', 15],
  ['15', 15],
  ['SIGUSR1', 10],
  ['RTMIN+3', 37],
  ['SIGRTMAX', 64],
])('kill ID %s sends signal %i', async (name, number) => {
  const id = testId();
  const lines = `trap 'exit 33' ${number}; echo ready; while :; do sleep 0.05; done`;
  const supervised = start(toolPath('ctr-run'), ['run', '--bundle', makeBundle(script(lines)), id]);
  await until('it is ready', () => supervised.output().stdout.includes('ready'));
  expect(ctr('kill', id, name)).toMatchObject({ status: 0, stdout: '', stderr: '' });
  expect((await supervised.ended).status).toBe(33);
});

test.each([['NONSENSE'], ['65'], ['RTMIN+40'], ['-3']])('there is no signal %s', (name) => {
  const ended = ctr('kill', 'ctr-test-nobody', name);
  expect(ended.status).not.toBe(0);
  expect(ended.stderr).toMatch(/signal|does not exist|flag/);
});

test('kill of a container that has stopped says so in the words that engines look for', async (context) => {
  needs(context, 'root');
  const id = testId();
  expect(ctrLeaving('run', '-d', '--bundle', makeBundle(['/bin/true']), id).status).toBe(0);
  await until('it has stopped', () => stateOf(id).status === 'stopped');
  const ended = ctr('kill', id, 'KILL');
  expect(ended.status).toBe(1);
  expect(ended.stderr).toContain('container not running');
  expect(ctr('delete', id).status).toBe(0);
  expect(ctr('kill', id).stderr).toContain('does not exist');
});

test('kill --all reaches every process, those of exec too', async (context) => {
  needs(context, 'root');
  const id = testId();
  expect(
    ctrLeaving('run', '-d', '--bundle', makeBundle(script('sleep 100 & sleep 100 & sleep 100')), id).status,
  ).toBe(0);
  expect(ctrLeaving('exec', '-d', id, '/bin/sleep', '100').status).toBe(0);
  await until('all are there', () => pids(id).length >= 4);
  const all = pids(id);
  expect(ctr('kill', '--all', id, 'KILL')).toMatchObject({ status: 0, stderr: '' });
  await until('all are gone', () => all.every((pid) => !existsSync(`/proc/${pid}/exe`)));
  await until('it has stopped', () => stateOf(id).status === 'stopped');
  expect(ctr('delete', id).status).toBe(0);
});

test('without a PID namespace, what a command leaves behind ends with a foreground run', (context) => {
  needs(context, 'root');
  const id = testId();
  const bundle = makeBundle(script('sleep 1000 & echo $!'), noPidNamespace);
  const ended = ctr('run', '--bundle', bundle, id);
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  expect(existsSync(`/proc/${ended.stdout.trim()}/exe`)).toBe(false);
  expect(run('find', ['/sys/fs/cgroup', '/run/ctr-run', '-name', id]).stdout).toBe('');
});

test('without a PID namespace, delete ends what a stopped container left', async (context) => {
  needs(context, 'root');
  const id = testId();
  expect(
    ctrLeaving('run', '-d', '--bundle', makeBundle(script('sleep 1000 & true'), noPidNamespace), id).status,
  ).toBe(0);
  await until('it has stopped', () => stateOf(id).status === 'stopped');
  const [left] = pids(id);
  expect(readFileSync(`/proc/${left}/cmdline`, 'utf8')).toContain('sleep');
  expect(ctr('delete', id)).toMatchObject({ status: 0, stderr: '' });
  expect(existsSync(`/proc/${left}/exe`)).toBe(false);
});

test('a PID that another process has by now is never hit', async (context) => {
  needs(context, 'root');
  const id = testId();
  expect(ctrLeaving('run', '-d', '--bundle', makeBundle(['/bin/sleep', '1000']), id).status).toBe(0);
  // Start times are counted in clock ticks (proc_pid_stat(5), field 22): in another than the container's.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const bystander = start('/bin/sleep', ['1000']);
  const state = JSON.parse(readFileSync(`/run/ctr-run/${id}/state.json`, 'utf8')) as { pid: number };
  const change = (name: string, from: string, to: string): void => {
    const file = `/run/ctr-run/${id}/${name}`;
    const before = readFileSync(file, 'latin1');
    const changed = before.replace(`${from}${state.pid}`, `${to}${bystander.child.pid}`);
    expect(changed).not.toBe(before);
    writeFileSync(file, changed, 'latin1');
  };
  change('state.json', '"pid":', '"pid":');
  change('plans', 'CTRKEPT1 ', 'CTRKEPT1 ');
  expect(stateOf(id).status).toBe('stopped');
  expect(ctr('kill', id, 'KILL').stderr).toContain('container not running');
  expect(ctr('delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
  expect(bystander.child.exitCode).toBe(null);
  expect(existsSync(`/proc/${bystander.child.pid}/exe`)).toBe(true);
  expect(existsSync(`/proc/${state.pid}/exe`)).toBe(false);
});

test('pause stops all processes and resume lets them go on; both only where that makes sense', async (context) => {
  needs(context, 'root');
  const id = testId();
  expect(ctrLeaving('run', '-d', '--bundle', makeBundle(['/bin/sleep', '1000']), id).status).toBe(0);
  expect(ctr('resume', id).status).toBe(1);
  expect(ctr('pause', id)).toMatchObject({ status: 0, stderr: '' });
  expect(stateOf(id).status).toBe('paused');
  expect(ctr('pause', id).status).toBe(1);
  expect(ctr('resume', id)).toMatchObject({ status: 0, stderr: '' });
  expect(stateOf(id).status).toBe('running');
  expect(ctr('pause', id).status).toBe(0);
  expect(ctr('delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
  expect(run('find', ['/sys/fs/cgroup', '/run/ctr-run', '-name', id]).stdout).toBe('');
});
