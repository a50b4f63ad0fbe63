/**
 * A group of v2 remembers for ever that its cgroup.kill was written to. Linux since 6.14 ends whoever is born from or
 * into such a group by CLONE_INTO_CGROUP.
 */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { afterEach, expect, type TestContext, test } from 'vitest';
import { hasCommand, needs, run, runTool, skip, toolPath } from '../../../test/support.ts';
import { hierarchiesOf } from '../../cg-limit/src/layout.ts';
import { ctrLeaving, makeBundle, testId } from './bundles.ts';

const mount = hierarchiesOf().find(({ version }) => version === 2)?.mountPoint;
const made: string[] = [];
afterEach(() => {
  for (const group of made.splice(0)) if (existsSync(group)) rmdirSync(group);
});

/** An empty group whose processes were killed once. */
function killedGroup(context: TestContext, name: string): string {
  needs(context, 'root');
  if (mount === undefined) skip(context, 'no cgroup v2 hierarchy');
  const group = `${mount}/${name}`;
  mkdirSync(group);
  made.push(group);
  if (!existsSync(`${group}/cgroup.kill`)) skip(context, 'a kernel before 5.14 has no cgroup.kill');
  writeFileSync(`${group}/cgroup.kill`, '1');
  return group;
}

const fine = { status: 0, stdout: 'in\n', stderr: '' };

test('from a group that was killed once: run, create and start, exec, cg-limit', (context) => {
  const group = killedGroup(context, testId());
  const within = (...argv: string[]) =>
    run('/bin/sh', ['-c', `echo 0 >${group}/cgroup.procs; exec "$@"`, 'sh', ...argv]);
  const bundle = makeBundle(['/bin/echo', 'in']);
  expect(within(toolPath('ctr-run'), 'run', '--bundle', bundle, testId())).toEqual({ ...fine, signal: null });
  if (hasCommand('runc'))
    expect(
      within(
        'runc',
        'run',
        '--bundle',
        makeBundle(['/bin/echo', 'in'], () => {}, 'runc'),
        testId(),
      ),
    ).toMatchObject(fine);
  expect(within(toolPath('cg-limit'), '--', 'echo', 'in')).toMatchObject(fine);
  const id = testId();
  const staying = makeBundle(['/bin/sleep', '100']);
  expect(
    within('/bin/sh', '-c', `exec ctr-run create --bundle ${staying} ${id} </dev/null >/dev/null 2>&1`)
      .status,
  ).toBe(0);
  expect(within(toolPath('ctr-run'), 'start', id)).toMatchObject({ status: 0, stderr: '' });
  expect(within(toolPath('ctr-run'), 'exec', id, '/bin/echo', 'in')).toMatchObject(fine);
  expect(runTool('ctr-run', ['delete', '--force', id]).status).toBe(0);
});

test('into a group that was killed once: run, and exec from outside', (context) => {
  const id = testId();
  killedGroup(context, id);
  const bundle = makeBundle(['/bin/sleep', '100'], (spec) => {
    spec.linux!.cgroupsPath = `/${id}`;
  });
  expect(ctrLeaving('run', '--detach', '--bundle', bundle, id)).toMatchObject({ status: 0, stderr: '' });
  const inside = runTool('ctr-run', ['exec', id, '/bin/cat', '/proc/self/cgroup']);
  // Moved there before its cgroup namespace was joined, as if it were born there.
  expect(inside).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/^0::\/$/m) });
  expect(runTool('ctr-run', ['delete', '--force', id]).status).toBe(0);
});
