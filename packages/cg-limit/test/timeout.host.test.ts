/** `--timeout` beside timeout(1). */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needs, run, runTool, slower, tempDir, toolPath, until } from '../../../test/support.ts';

/** A machine that is emulated needs longer until a command has set its trap. */
const pace = Math.min(slower, 3);
const cg = (...args: string[]) => runTool('cg-limit', args, { timeout: 60_000 * slower });
const reached = (time: string): string =>
  `cg-limit: the time limit of ${time} (--timeout) was reached, and what ran was ended\n`;

test('after the time a command gets SIGTERM, and the exit code is that of timeout(1)', (context) => {
  needs(context, 'root', 'command:timeout');
  const script = 'trap "echo told; exit 3" TERM; sleep 1000 & wait';
  const theirs = run('timeout', [
    '3',
    'sh',
    '-c',
    'trap "echo told; kill $!; exit 3" TERM; sleep 1000 & wait',
  ]);
  // It signals the command and then its whole group, so that one may be told twice.
  expect(theirs).toMatchObject({ status: 124, stdout: expect.stringMatching(/^(?:told\n){1,2}$/) });
  expect(cg('--timeout', `${3 * pace}`, '--', 'sh', '-c', script)).toMatchObject({
    status: 124,
    stdout: 'told\n',
    stderr: reached(`${3 * pace}s`),
  });
  // Who ends in time ends as ever.
  expect(cg('--timeout', '1h', '--', 'sh', '-c', 'exit 3')).toMatchObject({ status: 3, stderr: '' });
});

test('the command hears of it before its children do, so that its trap runs on a slow machine too', (context) => {
  needs(context, 'root', 'command:strace');
  const calls = join(tempDir('timeout'), 'calls');
  const script = 'trap "echo told; exit 3" TERM; sleep 1000 & wait';
  // A tracer gives each process time to answer a signal before the next one is sent.
  const tracer = ['-f', '-o', calls, '-e', 'trace=pidfd_send_signal,kill'];
  const args = [toolPath('cg-limit'), '--timeout', `${2 * pace}`, '--', 'sh', '-c', script];
  expect(run('strace', [...tracer, ...args])).toMatchObject({ status: 124, stdout: 'told\n' });
  const [first] = readFileSync(calls, 'utf8').match(/\w+\([^)]*SIGTERM/g) ?? [];
  expect(first).toMatch(/^pidfd_send_signal/);
});

test('what does not mind SIGTERM is killed after the grace, what has a session of its own too', async (context) => {
  needs(context, 'root', 'command:timeout', 'command:setsid');
  const dir = tempDir('timeout');
  const deaf = (file: string): string =>
    `setsid sh -c 'trap "" TERM; echo $$ >${file}; while :; do sleep 1; done' >/dev/null 2>&1 </dev/null &
     while [ ! -s ${file} ]; do sleep 0.05; done; trap "" TERM; while :; do sleep 0.1; done`;
  const theirs = join(dir, 'theirs');
  expect(run('timeout', ['-k', '1', '3', 'sh', '-c', deaf(theirs)]).status).not.toBe(0);
  const survivor = Number(readFileSync(theirs, 'utf8'));
  // timeout(1) ends its own process group alone.
  expect(existsSync(`/proc/${survivor}`)).toBe(true);
  process.kill(survivor, 'SIGKILL');
  const file = join(dir, 'ours');
  const begun = Date.now();
  expect(cg('--timeout', `${3500 * pace}ms:1s`, '--', 'sh', '-c', deaf(file))).toMatchObject({
    status: 124,
    stderr: reached(`${3.5 * pace}s`),
  });
  expect(Date.now() - begun).toBeGreaterThanOrEqual(4500);
  const ours = Number(readFileSync(file, 'utf8'));
  await until('it has gone', () => !existsSync(`/proc/${ours}`));
});

test('what still ends by itself has the grace for it, when the command has ended before', (context) => {
  needs(context, 'root', 'command:setsid');
  const dir = tempDir('timeout');
  const file = join(dir, 'done');
  const slow = `setsid sh -c 'trap "sleep 0.5; echo done >${file}; exit" TERM; echo ready >${dir}/ready; while :; do sleep 0.1; done' &
    while [ ! -s ${dir}/ready ]; do sleep 0.05; done; exec sleep 1000`;
  expect(cg('--timeout', `${4 * pace}s:30s`, '--', 'sh', '-c', slow)).toMatchObject({
    status: 124,
    stderr: expect.stringContaining(reached(`${4 * pace}s`)),
  });
  expect(readFileSync(file, 'utf8')).toBe('done\n');
});

test('the first process of a PID namespace, for which SIGTERM is nothing, and a stopped one end as well', (context) => {
  needs(context, 'root');
  const stopped = ['sh', '-c', 'kill -STOP $$'];
  const first = ['ns-enter', '--new', 'pid', '--', 'sleep', '1000'];
  for (const command of [stopped, first])
    expect(cg('--timeout', '1s:30s', '--', ...command)).toMatchObject({ status: 124, stderr: reached('1s') });
});

test('a spec cannot hold it, and neither can a group that is not only the command’s', () => {
  const spec = runTool('cg-limit', ['--timeout', '1s'], { input: '{"ociVersion":"1.2.0"}' });
  expect(spec).toMatchObject({ status: 125, stdout: '' });
  expect(spec.stderr).toContain('--timeout');
  for (const [flags, words] of [
    [['--timeout', '1s', '--keep'], '--timeout ends what is in the group of a command, and --keep'],
    [['--timeout', '1s', '--join'], '--timeout ends what is in the group of a command, and --join'],
    [['--timeout', '0'], 'the least is a millisecond'],
    [['--timeout', 'soon'], '"soon" is not a value for --timeout'],
    [['--timeout', '1s:2s:3s'], 'TIME or TIME:GRACE'],
    [['--timeout', '300000d'], 'a hundred years'],
  ] as const)
    expect(cg(...flags, '--', 'true').stderr).toContain(words);
  expect(cg('--timeout', '1s', '--update', '1').stderr).toContain(
    '--timeout says how a command is run, and --update does not read it',
  );
});
