/** What a container ended of, in `state` and `list`, as long as somebody knows. */
import { expect, test } from 'vitest';
import { needs, run, runTool, toolPath, until } from '../../../test/support.ts';
import { makeBundle, testId } from './bundles.ts';

interface State {
  status: string;
  ended?: { exitCode?: number; signal?: string; limits?: string[] };
}

const state = (id: string) => JSON.parse(runTool('ctr-run', ['state', id]).stdout) as State;

/**
 * create and start by a process that containers are left to and that does not wait for them, as an engine's monitor
 * does not at once; then what is asked while the first process has ended and nobody has waited for it.
 */
const monitor = `
import ctypes, json, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER (linux/prctl.h)
runtime, bundle, name, kill = sys.argv[1:5]
def call(*words):
    return subprocess.run([runtime, *words], stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
# The container keeps what create has for its output.
assert subprocess.run([runtime, 'create', '--bundle', bundle, name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode == 0
call('start', name)
if kill: call('kill', name, kill)
for _ in range(1200):
    got = json.loads(call('state', name).stdout)
    if got['status'] == 'stopped': break
    time.sleep(0.05)
table = call('list').stdout
call('delete', '--force', name)
print(json.dumps({'state': got, 'table': table}))
`;

function monitored(runtime: string, line: string, kill = '') {
  const bundle = makeBundle(['/bin/sh', '-c', line]);
  const { status, stdout, stderr } = run('python3', [
    '-c',
    monitor,
    toolPath(runtime),
    bundle,
    testId(),
    kill,
  ]);
  expect([status, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as { state: State; table: string };
}

test.for<[string, string, object, string]>([
  ['exit 7', '', { exitCode: 7 }, 'exit 7'],
  ['exit 0', '', { exitCode: 0 }, 'exit 0'],
  ['sleep 1000', 'KILL', { signal: 'SIGKILL' }, 'SIGKILL'],
])('while nobody has waited for it the end of %s %s is known', ([line, kill, ended, words], context) => {
  needs(context, 'root', 'command:python3');
  const found = monitored('ctr-run', line, kill);
  expect(found.state).toMatchObject({ status: 'stopped', ended });
  const [head, row] = found.table.trimEnd().split('\n');
  // Others' containers may stand there too.
  expect(head).toMatch(/^ID +PID +STATUS +BUNDLE +CREATED +OWNER +ENDED$/);
  expect(row === undefined ? '' : found.table).toMatch(new RegExp(` stopped .* root +${words}$`, 'm'));
});

test.for<[string, string, object, string[] | undefined]>([
  ['memory', 'x=$(head -c 200000000 /dev/zero | tr "\\0" x)', { memory: { limit: 33554432 } }, ['memory']],
  ['pids', 'for i in 1 2 3 4 5 6; do sleep 0.3 & done', { pids: { limit: 3 } }, ['pids']],
  ['no', 'true', { memory: { limit: 33554432 }, pids: { limit: 30 } }, undefined],
])('%s limit that was hit is known until it is deleted', async ([, line, resources, limits], context) => {
  needs(context, 'root');
  const id = testId();
  const bundle = makeBundle(['/bin/sh', '-c', line], (spec) => {
    spec.linux!.resources = resources;
  });
  const made = runTool('ctr-run', ['run', '--detach', '--bundle', bundle, id]);
  expect(made).toMatchObject({ status: 0 });
  try {
    await until(`${id} has stopped`, () => state(id).status === 'stopped', 60_000);
    expect(state(id).ended?.limits).toEqual(limits);
    const { stdout } = runTool('ctr-run', ['list', '--format', 'json']);
    const all = JSON.parse(stdout) as (State & { id: string })[];
    const listed = all.find((one) => one.id === id);
    expect(listed?.ended?.limits).toEqual(limits);
  } finally {
    runTool('ctr-run', ['delete', '--force', id]);
  }
});
