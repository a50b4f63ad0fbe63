import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { killOne } from '../../test/support.ts';
import {
  type AnyStep,
  awaitExec,
  clone,
  exec,
  launcher,
  plan,
  run,
  slot,
  step,
  supervise,
  template,
  work,
} from './launcher.ts';

type Side = 'host' | 'container';
const notify = (point: number, side: Side): AnyStep =>
  step('ready', 'notify', { process: -1, point }, `tell point ${point}`, { side });
const wait = (point: number, side: Side): AnyStep =>
  step('ready', 'await', { process: -1, point }, `wait for point ${point}`, { side });
const print = (text: Parameters<typeof template>[1] | ReturnType<typeof template>, side: Side): AnyStep =>
  step('ready', 'print', { fd: 1, text: text as never }, 'print', { side });
const exit = (code: number, side: Side): AnyStep => step('exec', 'exit', { code }, 'end', { side });

describe('two processes', () => {
  test('wait for one another at points, whatever the order of asking', () => {
    const { stdout, status } = run([
      clone(),
      print('host', 'host'),
      notify(1, 'host'),
      wait(1, 'container'),
      print('container', 'container'),
      notify(3, 'container'),
      notify(2, 'container'),
      wait(2, 'host'),
      wait(3, 'host'),
      print('host again', 'host'),
      notify(6, 'host'),
      wait(6, 'container'),
      exec('echo', 'command'),
      awaitExec(),
      supervise(),
    ]);
    expect({ stdout, status }).toEqual({ stdout: 'host\ncontainer\nhost again\ncommand\n', status: 0 });
  });

  test('hand over descriptors', () => {
    const path = join(work, 'handed');
    run([
      step(
        'descriptors',
        'open',
        { path, flags: constants.O_WRONLY | constants.O_CREAT, mode: 0o600, fd: slot('f') },
        'open',
      ),
      clone(),
      step(
        'ready',
        'open',
        { path, flags: constants.O_WRONLY | constants.O_CREAT, mode: 0o600, fd: slot('g') },
        'open',
      ),
      step('ready', 'pass', { process: -1, fd: slot('g') }, 'hand over'),
      step('ready', 'take', { process: -1, fd: slot('h') }, 'take', { side: 'host' }),
      step('ready', 'print', { fd: slot('h'), text: template`${slot('child.pid')}` }, 'write', {
        side: 'host',
      }),
      exec('true'),
      awaitExec(),
      supervise(),
    ]);
    expect(readFileSync(path, 'utf8')).toMatch(/^\d+\n$/);
  });
});

describe('a peer that dies', () => {
  test.for(['await', 'take'] as const)('is a failure of %s, not a hang', (op) => {
    const asking = {
      await: wait(1, 'host'),
      take: step('ready', 'take', { process: -1, fd: slot('x') }, 'take it', { side: 'host' }),
    }[op];
    const die = step('clone', 'kill', { pid: slot('me'), pidfd: -1, signal: 9 }, 'die');
    const { status, stderr } = run([
      clone(),
      step('clone', 'self_pid', { pid: slot('me') }, 'ask my PID'),
      die,
      asking,
      exec('true'),
      supervise(),
    ]);
    expect(status).toBe(125);
    expect(stderr).toMatch(/^test: .*: its process was killed by SIGKILL\n$/);
  });

  test('a child whose launcher is killed does not run its command', async () => {
    const marker = join(work, 'ran');
    const child = spawn(launcher, [
      '--plan',
      plan([
        [
          clone(),
          step('ready', 'elapsed', { text: slot('t') }, 'wait'),
          wait(1, 'container'),
          exec('touch', marker),
          step(
            'supervise',
            'helper',
            { file: '/bin/sleep', argv: ['sleep', '600'], env: [], stdin: '', timeout: 0 },
            'sleep',
            { side: 'host' },
          ),
        ],
      ]),
    ]);
    const ended = once(child, 'exit');
    await setTimeout(200);
    // No word is no child; as a number it would be 0, which for kill(2) is our own process group.
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number);
    child.kill('SIGKILL');
    await ended;
    await setTimeout(100);
    const waiting = children.filter((pid) => {
      try {
        return /\(ctr-launcher\) [^Z]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      } catch {
        return false;
      }
    });
    for (const pid of children)
      try {
        killOne(pid);
      } catch {}
    expect(children).toHaveLength(3); // the child, the helper and who watches over that
    expect(waiting).toEqual([]);
    expect(() => readFileSync(marker)).toThrow();
  });

  test('a child that ended before its command is told', () => {
    expect(run([clone(), exit(4, 'container'), awaitExec(), supervise()])).toMatchObject({
      status: 4,
      stderr: '',
    });
  });

  test('a failure of the child is the one that is told, once', () => {
    const { stderr, status } = run([
      clone(),
      step('root', 'mkdir', { path: '/no/such', mode: 0 }, 'make /no/such', { exit: 42 }),
      wait(1, 'host'),
      exec('true'),
      supervise(),
    ]);
    expect(stderr).toMatch(/^test: make \/no\/such: .*No such file or directory\n$/);
    expect(status).toBe(42);
  });
});

describe('create and start', () => {
  test('the child waits at a FIFO after the launcher has gone', async () => {
    const fifo = join(work, 'start');
    const out = join(work, 'started');
    spawnSync('mkfifo', [fifo]);
    const said = join(work, 'said');
    const { status } = run(
      [
        clone(),
        step(
          'descriptors',
          'open',
          { path: fifo, flags: constants.O_RDWR, mode: 0, fd: slot('state.start') },
          'open the FIFO',
          { side: 'host' },
        ),
        notify(1, 'container'),
        wait(1, 'host'),
        print(slot('child.pid') as never, 'host'),
        step('await-start', 'await_start', { fd: slot('state.start') }, 'wait for start'),
        exec('sh', '-c', `echo started >${out}`),
        exit(0, 'host'),
      ],
      {},
      { stdio: ['ignore', openSync(said, 'w'), 'ignore'] }, // the child keeps them open
    );
    expect(status).toBe(0);
    const pid = Number(readFileSync(said, 'utf8'));
    await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8')).toMatch(/\) S /);
    closeSync(openSync(fifo, constants.O_WRONLY)); // somebody came and went: no start
    await setTimeout(50);
    expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('ctr-launcher\n');
    const fd = openSync(fifo, constants.O_WRONLY);
    writeSync(fd, '0');
    closeSync(fd);
    for (let i = 0; i < 100; i++) {
      await setTimeout(20);
      try {
        if (readFileSync(out, 'utf8')) break;
      } catch {}
    }
    expect(readFileSync(out, 'utf8')).toBe('started\n');
  });

  test('the end of what is waited at is not a start', () => {
    const fd = slot('state.start');
    const { status, stdout, stderr } = run([
      step('descriptors', 'open', { path: '/dev/null', flags: constants.O_RDONLY, mode: 0, fd }, 'open it'),
      step('await-start', 'await_start', { fd }, 'wait for start'),
      exec('echo', 'started'),
    ]);
    expect({ status, stdout, stderr }).toEqual({
      status: 125,
      stdout: '',
      stderr: expect.stringMatching(/^test: wait for start: Broken pipe/),
    });
  });
});

test('start_time, elapsed, pidfd and wait_child', () => {
  const { stdout } = run([
    step('state', 'self_pid', { pid: slot('me') }, 'ask'),
    step('state', 'start_time', { pid: slot('me'), ticks: slot('ticks') }, 'ask'),
    step('state', 'elapsed', { text: slot('ms') }, 'ask'),
    clone(),
    exec('sh', '-c', 'kill -9 $$'),
    step('running', 'wait_child', { pid: slot('child.pid'), status: slot('status') }, 'wait', {
      side: 'host',
    }),
    step(
      'running',
      'print',
      { fd: 1, text: template`${slot('ticks')} ${slot('ms')} ${slot('status')}` },
      'say',
      {
        side: 'host',
      },
    ),
  ]);
  const [ticks, ms, status] = stdout.trim().split(' ');
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 100;
  expect(Math.abs(Number(ticks) - uptime)).toBeLessThan(1000);
  expect(ms).toMatch(/^\d+\.\d$/);
  expect(status).toBe('137');
});

test('a process is told from another that has its number by when it began', () => {
  const same = (ticks: never) =>
    run([
      step('state', 'self_pid', { pid: slot('me') }, 'ask'),
      step('state', 'start_time', { pid: slot('me'), ticks: slot('ticks') }, 'ask'),
      step('state', 'same_process', { pid: slot('me'), ticks }, 'look again'),
      exec('echo', 'the same'),
    ]);
  expect(same(slot('ticks') as never)).toMatchObject({ status: 0, stdout: 'the same\n' });
  expect(same(1 as never)).toMatchObject({
    status: 125,
    stdout: '',
    stderr: 'test: look again: No such process\n',
  });
});

describe('what no plan is to ask for', () => {
  test('a signal to a whole group', () => {
    for (const pid of [0, -1]) {
      const kill = step('ready', 'kill', { pid, pidfd: -1, signal: 0 }, 'signal somebody', { side: 'host' });
      expect(run([kill, exec('echo', 'done')])).toMatchObject({
        status: 125,
        stdout: '',
        stderr: expect.stringContaining('Invalid argument'),
      });
    }
  });

  test('a process that shares memory or descriptors with the launcher', () => {
    // CLONE_VM, CLONE_FS, CLONE_FILES (clone(2))
    for (const flags of [0x100, 0x200, 0x400])
      expect(run([clone(flags), exec('echo', 'done'), awaitExec(), supervise()])).toMatchObject({
        status: 125,
        stderr: expect.stringContaining('Invalid argument'),
      });
  });

  test('a fact that is another', () => {
    const expected = (wanted: string) =>
      step('ready', 'expect', { found: 'this', wanted }, 'compare', { side: 'host' });
    expect(run([expected('this'), exec('echo', 'done')]).stdout).toBe('done\n');
    expect(run([expected('that'), exec('echo', 'done')])).toMatchObject({ status: 125, stdout: '' });
  });
});
