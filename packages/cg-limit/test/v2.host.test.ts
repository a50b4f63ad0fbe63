/**
 * The v2 ways on a hybrid machine: in a mount namespace of its own the v1 hierarchies are
 * unmounted, and what is left is a v2 hierarchy (with the controllers that v1 left to it).
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import { type Ended, needs, run, runTool, skip, start, until } from '../../../test/support.ts';
import { hierarchiesOf } from '../src/layout.ts';

const here = hierarchiesOf();
const v1 = here.filter((h) => h.version === 1).map((h) => h.mountPoint);
const mount = here.find((h) => h.version === 2)?.mountPoint ?? '/sys/fs/cgroup';
const path = `/ctr-test-v2-${process.pid}`;
const hide = `for m in ${v1.join(' ')}; do umount "$m"; done; exec "$@"`;
const alone = ['--mount', '--propagation', 'private', 'sh', '-c', hide, 'sh'];
const cg = (...args: string[]): Ended => run('unshare', [...alone, 'cg-limit', ...args]);

/** The one limit that v1 leaves to v2 on the machines at hand. */
function needsHugetlb(context: TestContext): void {
  needs(context, 'root', 'file:/sys/kernel/mm/hugepages/hugepages-2048kB');
  const has = readFileSync(`${mount}/cgroup.controllers`, 'utf8').split(/\s/).includes('hugetlb');
  if (!has) skip(context, 'cgroup v2 has no hugetlb controller here: v1 has it');
}

test('the process is born in the group, and nothing is left', (context) => {
  needs(context, 'root');
  const ended = cg('--cgroup', path, '--', 'cat', '/proc/self/cgroup');
  expect(ended.stderr).toBe('');
  expect(`\n${ended.stdout}`).toContain(`\n0::${path}\n`);
  // The groups of v1 are those of the caller, which it does not see.
  expect(ended.stdout).not.toContain(`pids:${path}`);
  expect(existsSync(join(mount, path))).toBe(false);
});

describe('devices by a program', () => {
  test('the kernel takes it, and denies what it denies', (context) => {
    needs(context, 'root', 'file:/dev/kmsg');
    const line =
      ': < /dev/null && : < /dev/kmsg && echo read; (: > /dev/kmsg) 2>&1; (: < /dev/fuse) 2>&1; true';
    const ended = cg('--cgroup', path, '--device', '/dev/kmsg:r', '--', 'sh', '-c', line);
    expect(ended.stderr).toBe('');
    expect(ended.stdout).toMatch(
      /^read\n.*\/dev\/kmsg: Operation not permitted\n.*\/dev\/fuse: Operation not permitted\n$/,
    );
  });
  test('denying alone leaves the others', (context) => {
    needs(context, 'root');
    const ended = cg(
      '--cgroup',
      path,
      '--device-deny',
      '/dev/full:w',
      '--',
      'sh',
      '-c',
      'head -c 1 /dev/full | wc -c; (: > /dev/full) 2>&1; true',
    );
    expect(ended.stdout).toMatch(/^1\n.*Operation not permitted\n$/);
  });
  test('--update replaces it at once', async (context) => {
    needs(context, 'root');
    const loop = 'while :; do (: < /dev/kmsg) 2>/dev/null && echo open || echo denied; sleep 0.02; done';
    const started = start('unshare', [
      ...alone,
      'cg-limit',
      '--cgroup',
      path,
      '--device',
      '/dev/kmsg',
      '--',
      'sh',
      '-c',
      loop,
    ]);
    await until('it opens it', () => started.output().stdout.endsWith('open\n'));
    expect(cg('--update', path, '--device', '/dev/null')).toMatchObject({ status: 0, stderr: '' });
    await until('it is denied', () => started.output().stdout.endsWith('denied\n'));
    cg('--kill', path);
    await started.ended;
  });
});

test("a limit inside a limit: v2's rule against processes in inner groups is dealt with", (context) => {
  needsHugetlb(context);
  const show = 'grep 0:: /proc/self/cgroup';
  const inner = `cg-limit --hugetlb 2MB:2M --cgroup in -- sh -c '${show}; cat ${mount}${path}/in/hugetlb.2MB.max'; ${show}`;
  const ended = cg('--hugetlb', '2MB:4M', '--cgroup', path, '--', 'sh', '-c', inner);
  expect(ended).toMatchObject({
    status: 0,
    stderr: '',
    stdout: `0::${path}/in\n2097152\n0::${path}/own\n`,
  });
  expect(existsSync(join(mount, path))).toBe(false);
});

test('a group with processes of others is not emptied for it', async (context) => {
  needsHugetlb(context);
  const started = start('unshare', [...alone, 'cg-limit', '--cgroup', path, '--', 'sleep', '600']);
  await until('it runs', () => existsSync(join(mount, path)));
  const ended = cg('--hugetlb', '2MB:2M', '--cgroup', `${path}/in`, '--', 'true');
  expect(ended.status).toBe(125);
  expect(ended.stderr).toContain('no internal processes');
  expect(existsSync(join(mount, path, 'in'))).toBe(false);
  cg('--kill', path);
  await started.ended;
});

test('a full hierarchy says so', (context) => {
  needs(context, 'root');
  const outer = `echo 0 > ${mount}${path}/cgroup.max.descendants; cg-limit -- true; echo $?`;
  const ended = cg('--cgroup', path, '--', 'sh', '-c', outer);
  expect(ended.stdout).toBe('125\n');
  expect(ended.stderr).toMatch(
    /^cg-limit: make the cgroup .*; the hierarchy is full \(cgroup\.max\.descendants/,
  );
});

test('freezing, thawing and killing', async (context) => {
  needs(context, 'root');
  const started = start('unshare', [
    ...alone,
    'cg-limit',
    '--cgroup',
    path,
    '--',
    'sh',
    '-c',
    'while :; do echo x; sleep 0.01; done',
  ]);
  await until('it runs', () => started.output().stdout.length > 4);
  expect(cg('--freeze', path)).toMatchObject({ status: 0, stderr: '' });
  // What was in the pipe already may still come.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const frozen = started.output().stdout.length;
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(started.output().stdout.length).toBe(frozen);
  expect(cg('--thaw', path).status).toBe(0);
  await until('it goes on', () => started.output().stdout.length > frozen);
  expect(cg('--kill', path)).toMatchObject({ status: 0, stderr: '' });
  expect(await started.ended).toMatchObject({ signal: 'SIGKILL' });
});

test('hierarchies are told by statfs: a directory that is none is not taken for one', (context) => {
  needs(context, 'root');
  const ended = run('unshare', [
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    `mount -t tmpfs none ${mount} && exec cg-limit --cgroup ${path} -- true`,
  ]);
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  expect(runTool('cg-limit', ['--show', path]).stderr).toContain('there is no group');
});
