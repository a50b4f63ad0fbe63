import { expect, test } from 'vitest';
import { exec, plan, run, shell, step } from './launcher.ts';

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

test('a background child that keeps its output open is not waited for', () => {
  const began = Date.now();
  expect(run([sh('sleep 4 & exit 0')])).toMatchObject({ status: 0 });
  expect(Date.now() - began).toBeLessThan(3000);
});

test('a missing program', () => {
  expect(run([helper(['/no/hook'])]).stderr).toBe(
    'test: run the hook: /no/hook: No such file or directory\n',
  );
  expect(run([helper(['/etc/passwd'])]).stderr).toBe(
    'test: run the hook: /etc/passwd is not executable: Permission denied\n',
  );
});
