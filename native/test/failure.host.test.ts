import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { needs } from '../../test/support.ts';
import {
  type AnyStep,
  awaitExec,
  clone,
  exec,
  launcher,
  NEWPID,
  plan,
  run,
  runPlan,
  step,
  supervise,
  undo,
  work,
} from './launcher.ts';

const say = (text: string, side: 'host' | 'container' = 'container') =>
  step('state', 'print', { fd: 1, text }, `say ${text}`, {
    side,
    undo: undo('failure', 'print', { fd: 1, text: `un${text}` }, `unsay ${text}`),
  });

/** A directory with a file in it, both with their undoing. */
const makeBoth = (name: string, side: 'host' | 'container'): AnyStep[] => {
  const path = join(work, name);
  return [
    step('state', 'mkdir', { path, mode: 0o755 }, `make ${path}`, {
      side,
      undo: undo('end', 'remove', { path, what: 'directory' }, `remove ${path}`),
    }),
    step('state', 'write_file', { path: `${path}/f`, data: 'x', mode: 0o644 }, `write ${path}/f`, {
      side,
      undo: undo('end', 'remove', { path: `${path}/f` }, `remove ${path}/f`),
    }),
  ];
};

const missing = step(
  'exec',
  'mkdir',
  { path: '/no/such/dir', mode: 0o755 },
  'make the directory /no/such/dir',
  {
    hints: { ENOENT: 'make /no/such first', EACCES: 'no' },
  },
);

describe('one line', () => {
  test('what was done, what the kernel said, what can be done', () => {
    expect(run([missing])).toMatchObject({
      status: 125,
      stdout: '',
      stderr: expect.stringMatching(
        /^test: make the directory \/no\/such\/dir: (.*: )?No such file or directory; make \/no\/such first\n$/,
      ),
    });
  });

  test("the step's own exit code, and a hint for any other errno", () => {
    const fails = step('exec', 'mkdir', { path: '/proc/x', mode: 0 }, 'make x', {
      exit: 77,
      hints: { EPERM: 'no', else: 'somewhere else' },
    });
    expect(run([fails])).toMatchObject({ status: 77, stderr: expect.stringContaining('; somewhere else\n') });
  });

  test('errors that are none', () => {
    const passed = (unless: string[]) =>
      step('exec', 'mkdir', { path: '/tmp', mode: 0 }, 'make /tmp', { unless });
    expect(run([passed(['EEXIST'])]).status).toBe(0);
    expect(run([passed(['any'])]).status).toBe(0);
    expect(run([passed(['ENOENT'])]).status).toBe(125);
  });

  test('in the log, as runc writes it', () => {
    const path = join(work, 'log.json');
    run([missing], { log: { path, format: 'json' } });
    run([missing], { log: { path, format: 'json' } });
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    expect(lines).toHaveLength(2);
    const { level, msg, time } = JSON.parse(lines[1]!);
    expect(level).toBe('error');
    expect(msg).toMatch(/^make the directory/);
    expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000);
    const text = join(work, 'log.txt');
    run([missing], { log: { path: text, format: 'text' } });
    expect(readFileSync(text, 'utf8')).toMatch(/time="[^"]*" level=error msg="make the.*"/);
  });

  test('with debug, the plan and a mark', () => {
    const { stderr } = run([say('a'), missing], { debug: true });
    expect(stderr).toMatch(/^ {2} +0 .*print.*\n-> +1 .*mkdir.*\ntest: make/);
  });
});

describe('undoing', () => {
  test('runs backwards, and only what was made', () => {
    expect(run([say('a'), say('b'), missing, say('c')]).stdout).toBe('a\nb\nc\nunc\nunb\nuna\n');
    const before = step('state', 'mkdir', { path: '/no/x', mode: 0 }, 'make x');
    expect(run([say('a'), before, say('b')]).stdout).toBe('a\nuna\n');
  });

  test('what was passed over is not undone', () => {
    const kept = step('state', 'mkdir', { path: work, mode: 0 }, 'make it', {
      unless: ['EEXIST'],
      undo: undo('failure', 'remove', { path: work, what: 'directory' }, 'remove it'),
    });
    run([kept, missing]);
    expect(existsSync(work)).toBe(true);
  });

  test('an undoing that fails is told, and the others still run', () => {
    const bad = step('state', 'print', { fd: 1, text: 'bad' }, 'say', {
      undo: undo('failure', 'remove', { path: '/proc/self', what: 'directory' }, 'remove the impossible'),
    });
    const { stdout, stderr } = run([say('a'), bad, missing]);
    expect(stdout).toBe('a\nbad\nuna\n');
    expect(stderr).toMatch(/^test: remove the impossible: .*\ntest: make the directory/);
  });

  test('at the end of the command only what is marked for the end', () => {
    const steps = [
      ...makeBoth('ended', 'host'),
      say('a', 'host'),
      clone(),
      exec('true'),
      awaitExec(),
      supervise(),
    ];
    expect(run(steps)).toMatchObject({ status: 0, stdout: 'a\n' });
    expect(existsSync(join(work, 'ended'))).toBe(false);
  });

  test.each([
    ['stays where another undoing failed, though it was made last', '/proc/self', true],
    ['goes where none did', '/no/such', false],
  ])('a record %s', (_, other, stays) => {
    const record = join(work, `record-${stays}`);
    const bad = step('state', 'print', { fd: 1, text: 'bad' }, 'say', {
      undo: undo('failure', 'remove', { path: other, what: 'tree' }, 'remove the other'),
    });
    const made = step('state', 'mkdir', { path: record, mode: 0o700 }, 'make the record', {
      undo: undo('failure', 'remove', { path: record, what: 'record' }, 'remove the record'),
    });
    const { stderr } = run([bad, made, missing]);
    expect(existsSync(record)).toBe(stays);
    expect(stderr.includes('it stays, for it says what else is still to be removed')).toBe(stays);
  });

  test('in a chain of three processes each takes down what it made', () => {
    const links = [
      [...makeBoth('outer', 'host'), clone(), awaitExec(), supervise()],
      [...makeBoth('inner', 'host'), clone(), awaitExec(), supervise()],
      [exec('/no/such')],
    ];
    const path = plan(links as AnyStep[][]);
    const { status, stderr } = runPlan(path);
    expect(stderr).toMatch(/^test: run \/no\/such: .*\n$/);
    expect(status).toBe(127);
    expect(readdirSync(work)).not.toContain('outer');
    expect(readdirSync(work)).not.toContain('inner');
  });
});

describe('faults at every step', () => {
  const links = (name: string): AnyStep[][] => [
    [...makeBoth(`${name}-outer`, 'host'), clone(), awaitExec(), supervise()],
    [...makeBoth(`${name}-inner`, 'host'), clone(), exec('true'), awaitExec(), supervise()],
  ];
  const steps = links('x').flat().length;

  for (let at = 0; at < steps; at++) {
    test(`failing at ${at} leaves nothing`, () => {
      const name = `fault-${at}`;
      const { status, stderr } = runPlan(plan(links(name), { fault: { step: at, mode: 'fail' } }));
      expect(stderr).toContain(`fault asked for at step ${at}`);
      expect(status === 125 || status === 126).toBe(true);
      expect(readdirSync(work).filter((f) => f.startsWith(name))).toEqual([]);
    });
  }

  test('a child that dies at a step is told, and what the launcher made is undone', () => {
    const path = plan([[...makeBoth('died', 'host'), clone(), exec('true'), awaitExec(), supervise()]], {
      fault: { step: 3, mode: 'die' },
    });
    const { status, stderr } = runPlan(path);
    expect(stderr).toBe('test: wait for the command: its process was killed by SIGKILL\n');
    expect(status).toBe(125);
    expect(readdirSync(work)).not.toContain('died');
  });
});

describe('a signal before the command runs', () => {
  const asleep = step(
    'exec',
    'helper',
    { file: '/bin/sleep', argv: ['sleep', '600'], env: [], stdin: '', timeout: 0 },
    'run the hook',
  );
  const point = step('exec', 'await', { process: -1, point: 1 }, 'wait for a point', { side: 'host' });

  test.for<[string, AnyStep[]]>([
    ['a helper is waited for', [...makeBoth('interrupted', 'container'), asleep]],
    // In a PID namespace, with which what it runs ends too.
    ['a process of ours is', [...makeBoth('interrupted', 'host'), clone(NEWPID), asleep, point]],
  ])(
    'takes everything down, then ends the launcher: %s',
    async ([what, steps], context) => {
      if (what.startsWith('a process')) needs(context, 'root');
      const path = plan([steps]);
      const child = spawn(launcher, ['--plan', path]);
      const ended = once(child, 'exit');
      await expect.poll(() => existsSync(join(work, 'interrupted/f')), { timeout: 5000 }).toBe(true);
      await setTimeout(200);
      child.kill('SIGTERM');
      expect(await ended).toEqual([null, 'SIGTERM']);
      expect(readdirSync(work)).not.toContain('interrupted');
    },
    20_000,
  );
});
