/**
 * A learned profile in use: the command is stopped, continued, traced and ended, none of which happened while it
 * was learned. The kernel has a program call restart_syscall, rt_sigreturn and exit_group for that.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LinuxSeccomp } from '@ctr-tools/oci';
import { expect, test } from 'vitest';
import { needs, runTool, start, tempDir, toolPath, until } from '../../../test/support.ts';

const directory = tempDir('learned');
/** Waits in poll(2) with a timeout, which is continued by restart_syscall(2); has a handler to come back from, and one that ends it. */
const server = `import os, select, signal
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
select.poll().poll(1)
print('ready', flush=True)
while True: select.poll().poll(1000000)`;

const python = ['python3', '-Sc', server];

const state = (pid: number): string =>
  /^State:\s*(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]!;
const sleeps = (pid: number): boolean => state(pid) === 'S';

/** Start the command, which says when it is ready; seccomp-load becomes it, with the same PID. */
async function started(args: readonly string[]) {
  const running = start(toolPath('seccomp-load'), args);
  await until('the command is ready', () => running.output().stdout.includes('ready'), 60_000);
  return { ...running, pid: running.child.pid! };
}

/** Learn the server in a run that SIGKILL ends: neither a handler nor the end was seen. */
async function learn(file: string): Promise<LinuxSeccomp> {
  const running = start(toolPath('seccomp-load'), ['--learn', file, '--', ...python]);
  await until('the command is ready', () => running.output().stdout.includes('ready'), 60_000);
  const task = `/proc/${running.child.pid}/task/${running.child.pid}`;
  const [pid] = readFileSync(`${task}/children`, 'latin1').trim().split(' ').map(Number);
  process.kill(pid!, 'SIGKILL');
  await running.ended;
  return JSON.parse(readFileSync(file, 'utf8')) as LinuxSeccomp;
}

test('a server is stopped, continued, looked at, signalled and ended under its learned profile', async (context) => {
  needs(context, 'root', 'command:python3');
  const file = join(directory, 'server.json');
  await learn(file);
  const { pid, ended, child } = await started([file, '--', ...python]);
  await until('it sleeps', () => sleeps(pid));
  for (let i = 0; i < 3; i++) {
    child.kill('SIGSTOP');
    await until('it is stopped', () => state(pid) === 'T');
    child.kill('SIGCONT');
    await until('it goes on', () => sleeps(pid));
    expect(runTool('seccomp-load', [`--show=${pid}`]).stdout).toContain('filter 1 of 1');
    await until('it goes on', () => sleeps(pid));
    child.kill('SIGUSR1');
    await until('it goes on', () => sleeps(pid));
  }
  child.kill('SIGTERM');
  expect(await ended).toMatchObject({ status: 7, signal: null, stderr: '' });
});

test('control: without restart_syscall a stop ends it, and being looked at does not', async (context) => {
  needs(context, 'root', 'command:python3');
  const learned = await learn(join(directory, 'whole.json'));
  const file = join(directory, 'bare.json');
  const syscalls = learned.syscalls!.map((rule) => ({
    ...rule,
    names: rule.names.filter((name) => name !== 'restart_syscall'),
  }));
  writeFileSync(file, JSON.stringify({ ...learned, syscalls }));
  const { pid, ended, child } = await started([file, '--', ...python]);
  await until('it sleeps', () => sleeps(pid));
  for (let i = 0; i < 3; i++) {
    expect(runTool('seccomp-load', [`--show=${pid}`]).stdout).toContain('filter 1 of 1');
    await until('it goes on', () => sleeps(pid));
  }
  child.kill('SIGSTOP');
  await until('it is stopped', () => state(pid) === 'T');
  child.kill('SIGCONT');
  const { status, signal } = await ended;
  expect([status, signal]).not.toEqual([7, null]);
});
