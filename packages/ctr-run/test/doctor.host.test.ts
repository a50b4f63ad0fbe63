/** `ctr-run doctor` on this machine: what it says is held against what is so. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needs, run, runTool, tempDir, toolPath } from '../../../test/support.ts';

const report = (options: Parameters<typeof runTool>[2] = {}) => {
  const { status, stdout, stderr } = runTool('ctr-run', ['doctor', '--json'], options);
  expect(stderr).toBe('');
  return {
    status,
    ...(JSON.parse(stdout) as { canRun: boolean; facts: Record<string, unknown>; findings: unknown[] }),
  };
};

test('root can make containers where root does', (context) => {
  needs(context, 'root');
  const { status, canRun, facts } = report();
  expect({ status, canRun }).toEqual({ status: 0, canRun: true });
  expect(facts.kernel).toBe(run('uname', ['-r']).stdout.trim());
  expect(runTool('ctr-run', ['run', '--rootfs', 'host', '--', 'true'])).toMatchObject({ status: 0 });
});

test('an ordinary user is told what stands in the way of it alone', (context) => {
  needs(context, 'root');
  const user = { uid: 1000, gid: 1000 };
  const { status } = report(user);
  const can = run('unshare', ['--user', '--map-root-user', 'true'], user).status === 0;
  expect(status === 0).toBe(can);
});

test('what looks for no container needs no place for states', (context) => {
  needs(context, 'root');
  const user = { uid: 1000, gid: 1000, env: { PATH: process.env.PATH! } };
  for (const words of [['features'], ['spec', '-'], ['doctor']])
    expect(runTool('ctr-run', words, user).stderr).toBe('');
  expect(runTool('ctr-run', ['list'], user).stderr).toMatch(/^ctr-run: no place for the state/);
});

test('where user namespaces are forbidden, root inside has no more of them', (context) => {
  needs(context, 'root');
  const line = `echo 0 >/proc/sys/user/max_user_namespaces && ${toolPath('ctr-run')} doctor`;
  const { stdout } = run('unshare', ['--user', '--map-root-user', 'sh', '-c', line]);
  expect(stdout).toMatch(/no {3}user namespaces +user.max_user_namespaces is 0/);
});

test('a screen of 80 columns holds all but what is to be pasted', () => {
  const { stdout } = runTool('ctr-run', ['doctor']);
  const long = stdout.split('\n').filter((line) => line.length > 80 && !line.includes('→'));
  expect(long.filter((line) => !/seccomp|controllers/.test(line))).toEqual([]);
});

test('podman takes the configuration as it is printed', (context) => {
  needs(context, 'root', 'command:podman');
  const file = join(tempDir('doctor'), 'containers.conf');
  writeFileSync(file, runTool('ctr-run', ['doctor', '--engine', 'podman']).stdout);
  const { stdout } = run('podman', ['info', '--format', '{{.Host.OCIRuntime.Path}}'], {
    env: { ...process.env, CONTAINERS_CONF: file },
  });
  expect(stdout.trim()).toBe(toolPath('ctr-run'));
});

test('Docker’s is JSON, and an engine that is not known is named', () => {
  const { stdout } = runTool('ctr-run', ['doctor', '--engine', 'docker']);
  expect(JSON.parse(stdout)).toMatchObject({ 'default-runtime': 'ctr-run' });
  const wrong = runTool('ctr-run', ['doctor', '--engine', 'lxc']);
  expect(wrong.stderr).toBe('ctr-run: --engine is "lxc"; it can be podman, docker, containerd, crio\n');
  expect(wrong.status).not.toBe(0);
});
