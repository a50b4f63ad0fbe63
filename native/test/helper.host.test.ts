import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { killOne, needs, until } from '../../test/support.ts';
import { type AnyStep, clone, exec, launcher, NEWPID, plan, run, shell, step, work } from './launcher.ts';

/** Those whose working directory this is, in whichever PID namespace. */
const processesIn = (directory: string): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^\d/.test(pid) && readlinkSync(`/proc/${pid}/cwd`) === directory;
    } catch {
      return false;
    }
  });

interface Options {
  env?: string[];
  stdin?: string;
  timeout?: number;
}

const helper = (argv: string[], { env = [], stdin = '', timeout = 0 }: Options = {}) =>
  step('hooks-runtime', 'helper', { file: argv[0]!, argv, env, stdin, timeout }, 'run the hook');

const sh = (line: string, options?: Options) => helper(['/bin/sh', '-c', line], options);

test('gets its stdin, its environment and nothing else', () => {
  const line =
    'read a; test "$a" = given && test "$X" = y && test -z "$HOME" && test $(ls /proc/self/fd | wc -l) = 4 || { ls -l /proc/self/fd; exit 1; }';
  const path = plan([[sh(line, { env: ['X=y', 'PATH=/usr/bin:/bin'], stdin: 'given\n' })]]);
  expect(shell('$L --plan $P 7</dev/null', path)).toMatchObject({ stderr: '', status: 0 });
});

test('has the variables of its process where they are to be inherited, and the directory that is named', () => {
  const where = (args: object) =>
    step(
      'hooks-runtime',
      'helper',
      {
        file: '/bin/sh',
        argv: ['/bin/sh', '-c', 'echo "$X $(readlink /proc/self/cwd)" >&2; exit 1'],
        env: ['X=given'],
        ...args,
      },
      'run the hook',
    );
  const said = (args: object) =>
    shell('cd /usr; X=inherited $L --plan $P', plan([[where(args)]]))
      .stderr.split(': ')
      .at(-1)!
      .trim();
  expect(said({})).toBe('given /usr');
  expect(said({ inherit: 1, cwd: '/tmp' })).toBe('inherited /tmp');
  expect(said({ cwd: '/no/such' })).toBe('given /usr');
});

test('its output is shown only when it fails, the last lines', () => {
  expect(run([sh('echo fine'), exec('echo', 'command')])).toMatchObject({ stdout: 'command\n', stderr: '' });
  const { status, stderr } = run([sh('seq 1000; echo bad thing >&2; exit 3')]);
  expect(status).toBe(125);
  expect(stderr).toMatch(
    /^test: run the hook: \/bin\/sh ended with status 3: 997 \/ 998 \/ 999 \/ 1000 \/ bad thing\n$/,
  );
  const long = run([sh("yes | tr -d '\\n' | head -c 100000; exit 1")]).stderr;
  expect(long).toMatch(/status 1: y{600}\n$/);
});

test('a signal that ends it is a failure', () => {
  expect(run([sh('kill -9 $$')]).stderr).toBe('test: run the hook: /bin/sh was killed by SIGKILL\n');
});

test('the time limit ends it and its children', () => {
  const began = Date.now();
  const { stderr } = run([sh('echo begun; sleep 333 & sleep 333', { timeout: 200 })]);
  expect(stderr).toBe('test: run the hook: /bin/sh did not end in time and was killed: begun\n');
  expect(Date.now() - began).toBeLessThan(3000);
  expect(shell('pgrep -fx "sleep 333" | wc -l', '/').stdout).toBe('0\n');
});

test('one that does not read its stdin, and one with much of both', () => {
  const big = 'x'.repeat(1_000_000);
  expect(run([sh('exit 0', { stdin: big })])).toMatchObject({ status: 0, stderr: '' });
  expect(run([helper(['/bin/cat'], { stdin: big })])).toMatchObject({ status: 0, stderr: '' });
});

test('a background child that keeps its output open is not waited for, and lives on', () => {
  const began = Date.now();
  const pid = join(work, 'background');
  expect(run([sh(`sleep 60 & echo $! >${pid}; exit 0`)])).toMatchObject({ status: 0 });
  expect(Date.now() - began).toBeLessThan(30_000);
  const child = Number(readFileSync(pid, 'utf8'));
  expect(existsSync(`/proc/${child}`)).toBe(true);
  killOne(child);
});

describe('a launcher that is ended takes its helper along, and what that started', () => {
  const point = step('exec', 'await', { process: -1, point: 1 }, 'wait for a point', { side: 'host' });
  const places: [string, (hook: AnyStep) => AnyStep[]][] = [
    ['of its own', (hook) => [hook]],
    ['of a process of the plan', (hook) => [clone(), hook, point]],
    ['of a process of the plan, in a PID namespace', (hook) => [clone(NEWPID), hook, point]],
  ];
  const ends = [
    ['SIGTERM', 'the launcher'],
    ['SIGKILL', 'the launcher'],
    ['SIGKILL', 'its process group'],
  ] as const;
  const cases = places.flatMap(([place, steps]) => ends.map((end) => [place, ...end, steps] as const));
  test.for(cases)('%s, by %s to %s', async ([place, signal, whom, steps], context) => {
    if (place.endsWith('namespace')) needs(context, 'root');
    const directory = join(work, `${place}-${signal}-${whom}`.replaceAll(/\W+/g, '-'));
    // A PID namespace hides the number: it is found by its directory.
    const line = `mkdir ${directory}; cd ${directory}; sleep 600 & sleep 600; :`;
    const inside = () => processesIn(directory);
    const child = spawn(launcher, ['--plan', plan([steps(sh(line, { env: ['PATH=/usr/bin:/bin'] }))])], {
      detached: true,
    });
    const ended = once(child, 'exit');
    await until('the helper and its two children run', () => inside().length === 3);
    process.kill(whom === 'the launcher' ? child.pid! : -child.pid!, signal);
    await ended;
    await until('nothing of it is left', () => inside().length === 0);
    expect(inside()).toEqual([]);
  });
});

test('a missing program', () => {
  expect(run([helper(['/no/hook'])]).stderr).toBe(
    'test: run the hook: /no/hook: No such file or directory\n',
  );
  expect(run([helper(['/etc/passwd'])]).stderr).toBe(
    'test: run the hook: /etc/passwd is not executable: Permission denied\n',
  );
});
