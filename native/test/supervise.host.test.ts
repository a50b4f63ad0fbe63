import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { killOne } from '../../test/support.ts';
import { typed as typedWith } from '../../test/terminal.ts';
import {
  awaitExec,
  clone,
  exec,
  launcher,
  NEWPID,
  O_ROOT,
  plan,
  run,
  runPlan,
  shell,
  step,
  supervise,
} from './launcher.ts';

const stay = (flags: number, ending: 'by_signal' | 'by_code', ...argv: string[]) => [
  clone(flags),
  exec(...argv),
  awaitExec(),
  supervise(ending),
];

/** Wait until the command has written this. */
type Written = (text: string) => Promise<void>;

/** Start a plan, wait for its first line, do something, see how it ends. */
async function during(path: string, act: (pid: number, written: Written) => Promise<void> | void) {
  const child = spawn(launcher, ['--plan', path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  let stdout = '';
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  const written: Written = async (text) => {
    while (!stdout.includes(text) && !child.stdout.readableEnded)
      await Promise.race([once(child.stdout, 'data'), once(child.stdout, 'end')]);
  };
  await written('\n');
  await act(child.pid!, written);
  const [status, signal] = await ended;
  // "exit" may come before the last of its output is read
  if (!child.stdout.readableEnded) await once(child.stdout, 'end');
  return { status, signal, stdout };
}

describe('ending as the command ended', () => {
  test('exit codes', () => {
    expect(run(stay(0, 'by_signal', 'sh', '-c', 'exit 37')).status).toBe(37);
    expect(run(stay(NEWPID, 'by_code', 'sh', '-c', 'exit 255')).status).toBe(255);
  });

  test('signals: by the same one, or 128+N', () => {
    expect(run(stay(0, 'by_signal', 'sh', '-c', 'kill -TERM $$'))).toMatchObject({
      signal: 'SIGTERM',
      status: null,
    });
    expect(run(stay(0, 'by_signal', 'sh', '-c', 'kill -QUIT $$'))).toMatchObject({ signal: 'SIGQUIT' });
    expect(run(stay(0, 'by_code', 'sh', '-c', 'kill -TERM $$'))).toMatchObject({ status: 143, signal: null });
  });

  test('a caller that ignores SIGCHLD gets the exit code too', () => {
    expect(
      shell(
        'env --ignore-signal=CHLD $L --plan $P; echo $?',
        plan([stay(0, 'by_signal', 'sh', '-c', 'exit 9')]),
      ).stdout,
    ).toBe('9\n');
  });

  test('a closed pipe ends it quietly', () => {
    const { stdout, stderr } = shell(
      '$L --plan $P | head -1',
      plan([stay(NEWPID, 'by_signal', 'sh', '-c', 'yes & yes; exit')]),
    );
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^y\n/);
  });
});

describe('signals from elsewhere', () => {
  test('reach the command', async () => {
    const script = 'trap "echo got; exit 5" TERM; echo ready; while :; do sleep 0.02; done';
    for (const flags of [0, NEWPID])
      expect(
        await during(
          plan([stay(flags, 'by_signal', 'sh', '-c', script)]),
          (pid) => void killOne(pid, 'SIGTERM'),
        ),
      ).toEqual({
        status: 5,
        signal: null,
        stdout: 'ready\ngot\n',
      });
  });

  test('end PID 1 of a namespace though the kernel drops them for it', async () => {
    // bash as PID 1, with default dispositions, runs no traps
    const path = plan([stay(NEWPID, 'by_signal', 'sh', '-c', 'echo ready; exec sleep 600')]);
    const end = await during(path, (pid) => void killOne(pid, 'SIGTERM'));
    expect(end).toMatchObject({ status: null, signal: 'SIGTERM' });
  });

  test('are not lost on a PID 1 that ignores them', async () => {
    const path = plan([stay(NEWPID, 'by_signal', 'sh', '-c', "trap '' TERM; echo ready; sleep 0.5; exit 6")]);
    expect(await during(path, (pid) => void killOne(pid, 'SIGTERM'))).toMatchObject({ status: 6 });
  });

  test('SIGUSR1, SIGHUP and SIGWINCH too', async () => {
    const script =
      'trap "echo U" USR1; trap "echo W" WINCH; trap "echo H; exit 0" HUP; echo ready; while :; do sleep 0.02; done';
    // A shell runs the traps of signals that wait together in the order of their numbers, HUP first.
    const end = await during(plan([stay(0, 'by_signal', 'sh', '-c', script)]), async (pid, written) => {
      killOne(pid, 'SIGUSR1');
      await written('U\n');
      killOne(pid, 'SIGWINCH');
      await written('W\n');
      killOne(pid, 'SIGHUP');
    });
    expect(end).toMatchObject({ status: 0, stdout: 'ready\nU\nW\nH\n' });
  });
});

test('a supervisor is small, and its planner and memory stay away', async () => {
  const path = plan([stay(NEWPID, 'by_signal', 'sh', '-c', 'echo ready; exec sleep 600')]);
  let rss = 0;
  await during(path, (pid) => {
    rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);
    killOne(pid, 'SIGTERM');
  });
  expect(rss).toBeLessThan(1024);
});

test('strays are reaped where the launcher is their reaper', async () => {
  const path = plan([
    [
      step('state', 'subreaper', { on: 1 }, 'adopt strays', { side: 'host' }),
      ...stay(0, 'by_signal', 'sh', '-c', '(sleep 0.1 &) ; (sleep 0.1 &); echo ready; sleep 0.6'),
    ],
  ]);
  let zombies = 'none';
  await during(path, async (pid) => {
    await setTimeout(300);
    zombies = shell(`ps -o stat= --ppid ${pid} | grep -c Z`, '/').stdout;
  });
  expect(zombies).toBe('0\n');
});

const typed = (script: string, path: string): string => typedWith(script, { L: launcher, P: path });

describe('at a terminal', () => {
  test.for([0, NEWPID])('Ctrl-C in a shell loop stops the loop (clone flags %i)', (flags) => {
    const path = plan([stay(flags, 'by_signal', 'sh', '-c', 'echo began; exec sleep 600')]);
    expect(
      typed(
        `
type('for i in 1 2 3; do $L --plan $P; echo "after $i"; done; echo "rc"=$?\\r')
expect('began'); pause(0.3); type('\\x03'); out = expect('$ ')
type('echo "en"d\\r'); out += expect('end')
print('after 1' in out, 'after 2' in out)`,
        path,
      ),
    ).toBe('False False\nDONE\n');
  });

  test.for([0, NEWPID])('Ctrl-Z and fg (clone flags %i)', (flags) => {
    const path = plan([stay(flags, 'by_signal', 'sh', '-c', 'echo began; sleep 1; echo fini"sh"ed')]);
    expect(
      typed(
        `
type('$L --plan $P\\r'); expect('began'); pause(0.2); type('\\x1a'); expect('Stopped')
type('ps -o stat= -p $(jobs -p) | head -c1; echo "_sta"t\\r'); out = expect('_stat')
print('T_stat' in out)
type('fg\\r'); expect('finished'); type('echo "rc"=$?\\r'); expect('rc=0')`,
        path,
      ),
    ).toBe('True\nDONE\n');
  });

  test('the terminal of a container is relayed, resized, and given back', () => {
    const open = step('root', 'open', { path: '/', flags: O_ROOT, fd: { slot: 'root' } }, 'open /');
    const console_ = step(
      'console',
      'console',
      {
        root: { slot: 'root' },
        rows: 30,
        columns: 100,
        bind: 0,
        master: { slot: 'console.master' },
        slave: { slot: 'console.slave' },
      },
      'open a pty',
    );
    const pass = step('console', 'pass', { process: -1, fd: { slot: 'console.master' } }, 'hand over');
    const take = step('console', 'take', { process: -1, fd: { slot: 'pty' } }, 'take', { side: 'host' });
    const setsid = step('session', 'setsid', {}, 'make a session');
    const tty = step('session', 'controlling_tty', { fd: { slot: 'console.slave' } }, 'take the terminal');
    const path = plan([
      [
        clone(),
        open,
        console_,
        pass,
        take,
        setsid,
        tty,
        exec(
          'sh',
          '-c',
          'trap "stty size; echo resi""zed" WINCH; tty; stty size; while :; do read l || continue; test "$l" = q && exit 7; echo "<$l>"; done',
        ),
        awaitExec(),
        supervise('by_code', { slot: 'pty' }),
      ],
    ]);
    expect(
      typed(
        `
import fcntl, termios, struct
def size(r, c): fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', r, c, 0, 0))
size(33, 111)
type('stty -a | grep -o .icanon; $L --plan $P; echo "rc"=$?; stty -a | grep -o .icanon\\r')
expect('/dev/pts/'); expect('33 111')
type('hello\\r'); expect('<hello>')
size(44, 99); expect('44 99'); expect('resized')
type('q\\r'); expect('rc=7'); expect(' icanon')`,
        path,
      ),
    ).toBe('DONE\n');
    // with a pipe instead of a terminal, to the end of the input
    const piped = runPlan(path, { input: 'one\ntwo\nq\n' });
    expect(piped.status).toBe(7);
    expect(piped.stdout).toContain('<one>\r\n');
    expect(piped.stdout).toContain('<two>\r\n');
  });
});
