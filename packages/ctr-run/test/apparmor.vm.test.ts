/** `exec --apparmor` on a kernel that has AppArmor, beside runc: what an exec is under, and what that forbids. */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { type Ended, lacking, needs, run, runTool, tempDir } from '../../../test/support.ts';
import { type Maker, makeBundle, testId } from './bundles.ts';
import { program } from './runtimes.ts';

const needed = ['root', 'apparmor', 'command:apparmor_parser'] as const;
const profile = `ctr-test-exec-${process.pid}`;
beforeAll(() => {
  if (lacking(...needed) === undefined)
    expect(runTool('aa-confine', ['--load', '--name', profile])).toMatchObject({ status: 0, stderr: '' });
});
afterAll(() => {
  if (lacking(...needed) === undefined) runTool('aa-confine', [`--unload=${profile}`]);
});

/** Opened alone nothing happens by it; our profile forbids to open it for writing. */
const look = 'cat /proc/self/attr/current; if : 2>/dev/null > /proc/sysrq-trigger; then echo open; fi';
const confined = `${profile} (enforce)\n`;
const unconfined = 'unconfined\nopen\n';

/** A container that stays, under this profile or none, and what is run in it; it goes with the test. */
function staying(context: TestContext, runtime: Maker, apparmorProfile?: string) {
  const [id, out] = [testId(), `${tempDir('out')}/out`];
  const bundle = makeBundle(
    ['/bin/sleep', '1000'],
    (spec) => {
      if (apparmorProfile !== undefined) spec.process!.apparmorProfile = apparmorProfile;
      spec.linux!.maskedPaths = [];
      spec.linux!.readonlyPaths = [];
    },
    runtime,
  );
  const tell = (...argv: string[]): Ended => run(program(runtime), argv);
  context.onTestFinished(() => void tell('delete', '--force', id));
  const line = 'exec "$0" run --detach --bundle "$1" "$2" </dev/null >"$3" 2>&1';
  expect(run('/bin/sh', ['-c', line, program(runtime), bundle, id, out])).toMatchObject({ status: 0 });
  return (...flags: string[]): Ended => tell('exec', ...flags, id, '/bin/sh', '-c', look);
}

describe.each(['ctr-run', 'runc'] as const)('exec under %s', (runtime) => {
  test('is under the profile that --apparmor names, in a container that is under none', (context) => {
    needs(context, ...needed, 'command:runc');
    const exec = staying(context, runtime);
    expect(exec()).toMatchObject({ status: 0, stdout: unconfined, stderr: '' });
    expect(exec('--apparmor', profile)).toMatchObject({ stdout: confined, stderr: '' });
    const gone = exec('--apparmor', 'ctr-test-gone');
    expect(gone).toMatchObject({ status: 255, stdout: '' });
    expect(gone.stderr).toMatch(
      runtime === 'runc' ? /apparmor/ : /AppArmor profile ctr-test-gone is not loaded/,
    );
    // That was nothing to the container.
    expect(exec().stdout).toBe(unconfined);
  });

  test('is under the profile of the container, unless it is told another', (context) => {
    needs(context, ...needed, 'command:runc');
    const exec = staying(context, runtime, profile);
    expect(exec().stdout).toBe(confined);
    expect(exec('--apparmor', 'unconfined').stdout).toBe(unconfined);
  });
});

test('a process from a file is under the profile that the file names', (context) => {
  needs(context, ...needed);
  const file = `${tempDir('process')}/process.json`;
  const id = testId();
  const bundle = makeBundle(['/bin/sleep', '1000']);
  const line = `exec ctr-run run --detach --bundle ${bundle} ${id} </dev/null >${bundle}/out 2>&1`;
  expect(run('/bin/sh', ['-c', line])).toMatchObject({ status: 0 });
  context.onTestFinished(() => void runTool('ctr-run', ['delete', '--force', id]));
  const args = ['/bin/cat', '/proc/self/attr/current'];
  const user = { uid: 0, gid: 0 };
  writeFileSync(file, JSON.stringify({ args, user, cwd: '/', apparmorProfile: profile }));
  expect(runTool('ctr-run', ['exec', '--process', file, id])).toEqual({
    status: 0,
    signal: null,
    stdout: confined,
    stderr: '',
  });
});
