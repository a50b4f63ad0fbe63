/** Signals, and that nothing of a container lives longer than it (runc-kill(8); runtime.md, Kill and Delete). */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { killOne, needs, run, runTool, start, toolPath, until } from '../../../test/support.ts';
import { ctrLeaving, leftoversOf, makeBundle, testId } from './bundles.ts';
import { needsRuntime, program, runtimes } from './runtimes.ts';

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
  expect(leftoversOf(id)).toEqual([]);
});

test('in a joined PID namespace, too', (context) => {
  needs(context, 'root');
  const holder = start('/usr/bin/unshare', ['--pid', '--fork', '--kill-child', 'sleep', '1000']);
  const children = () => readFileSync(`/proc/${holder.child.pid}/task/${holder.child.pid}/children`, 'utf8');
  return until('its first process is there', () => children() !== '').then(() => {
    const id = testId();
    const path = `/proc/${Number(children())}/ns/pid`;
    const bundle = makeBundle(script('sleep 1000 & true'), (spec) => {
      spec.linux!.namespaces = [
        ...spec.linux!.namespaces!.filter(({ type }) => type !== 'pid'),
        { type: 'pid', path },
      ];
    });
    // A zombie, which its first process does not reap, is dead: it has no exe any more.
    const inside = () =>
      run('pgrep', ['--ns', children().trim(), '--nslist', 'pid', 'sleep'])
        .stdout.trim()
        .split('\n')
        .filter((pid) => existsSync(`/proc/${pid}/exe`));
    expect(inside()).toHaveLength(1);
    expect(ctr('run', '--bundle', bundle, id)).toMatchObject({ status: 0, stderr: '' });
    expect(inside()).toHaveLength(1);
    expect(leftoversOf(id)).toEqual([]);
  });
});

test('without a PID namespace, kill ID KILL ends all, also when the first process is gone', async (context) => {
  needs(context, 'root');
  const id = testId();
  const bundle = makeBundle(script('sleep 1000 & exec sleep 1000'), noPidNamespace);
  for (const first of ['running', 'stopped']) {
    expect(ctrLeaving('run', '-d', '--bundle', bundle, id).status).toBe(0);
    await until('both are there', () => pids(id).length === 2);
    const all = pids(id);
    if (first === 'stopped') {
      killOne(stateOf(id).pid);
      await until('it has stopped', () => stateOf(id).status === 'stopped');
      expect(pids(id)).toHaveLength(1);
    }
    expect(ctr('kill', id, 'KILL')).toMatchObject({ status: 0, stderr: '' });
    // It waited: the children of those that end are reaped by others, and may be zombies.
    expect(all.filter((pid) => existsSync(`/proc/${pid}/exe`))).toEqual([]);
    expect(ctr('delete', id)).toMatchObject({ status: 0, stderr: '' });
  }
});

test('kill ID KILL ends a container that is paused, as it does under runc', async (context) => {
  needs(context, 'root');
  const id = testId();
  expect(ctrLeaving('run', '-d', '--bundle', makeBundle(['/bin/sleep', '1000']), id).status).toBe(0);
  expect(ctr('pause', id).status).toBe(0);
  expect(ctr('kill', id, 'KILL')).toMatchObject({ status: 0, stderr: '' });
  await until('it has stopped', () => stateOf(id).status === 'stopped');
  expect(ctr('delete', id)).toMatchObject({ status: 0, stderr: '' });
});

test.for(runtimes)(
  'a created container ends by a signal that would end any process: %s',
  async (runtime, context) => {
    needsRuntime(context, runtime);
    for (const signal of runtime === 'runc' ? ['TERM'] : ['TERM', 'INT', 'RTMIN+3']) {
      const id = testId();
      const words = ['create', '--bundle', makeBundle(['/bin/true'], () => {}, runtime), id];
      // As root of a PID namespace it would be spared by the kernel.
      expect(
        run('/bin/sh', ['-c', `exec ${[program(runtime), ...words].join(' ')} >/dev/null 2>&1 </dev/null`])
          .status,
      ).toBe(0);
      expect(run(program(runtime), ['kill', id, signal])).toMatchObject({ status: 0, stderr: '' });
      const state = () => JSON.parse(run(program(runtime), ['state', id]).stdout) as { status: string };
      await until('it has stopped', () => state().status === 'stopped');
      expect(run(program(runtime), ['start', id]).status).toBe(1);
      expect(run(program(runtime), ['delete', id])).toMatchObject({ status: 0, stderr: '' });
    }
  },
);

test('a created container that is paused is not started, and can be resumed and started', async (context) => {
  needs(context, 'root');
  const id = testId();
  expect(ctrLeaving('create', '--bundle', makeBundle(['/bin/sleep', '1000']), id).status).toBe(0);
  expect(ctr('pause', id)).toMatchObject({ status: 0, stderr: '' });
  expect(stateOf(id).status).toBe('paused');
  const refused = runTool('ctr-run', ['start', id], { timeout: 10_000 });
  expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('it is paused; resume it') });
  expect(ctr('resume', id)).toMatchObject({ status: 0, stderr: '' });
  expect(stateOf(id).status).toBe('created');
  expect(ctr('start', id)).toMatchObject({ status: 0, stderr: '' });
  expect(stateOf(id).status).toBe('running');
  expect(ctr('delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
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
  const file = `/run/ctr-run/${id}/state.json`;
  const state = JSON.parse(readFileSync(file, 'utf8')) as { pid: number };
  writeFileSync(file, JSON.stringify({ ...state, pid: bystander.child.pid }));
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
  expect(leftoversOf(id)).toEqual([]);
});
