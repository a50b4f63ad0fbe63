/** What is open, and what is called, when a container's command is executed. */
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { insn } from '../../test/bpf.ts';
import { tinyProgram, writeProgram } from '../../test/tiny-program.ts';
import {
  type AnyStep,
  awaitExec,
  clone,
  exec,
  plan,
  run,
  runPlan,
  slot,
  step,
  supervise,
  work,
} from './launcher.ts';
import { op } from './ops.ts';

const program = writeProgram(join(work, 'program'), 'it runs', 7);
mkdirSync(join(work, 'leaked'));

/** The command of a container: closed is what is not in `keep`. */
const execPath = (path: string, keep: (number | ReturnType<typeof slot>)[] = []): AnyStep =>
  step('exec', 'exec_path', { path, argv: [path], keep }, `exec: "${path}"`);
const inChild = (...steps: AnyStep[]): AnyStep[] => [clone(), ...steps, awaitExec(), supervise()];

describe('a directory that a step left open', () => {
  const leak = slot('leak');
  const open = op('open', { path: join(work, 'leaked'), flags: 0o200000, mode: 0, fd: leak });
  const nine = op('dup2', { from: leak, to: 9 });
  const through = '/proc/self/fd/9/../program';

  test.each([
    ['in the process itself', (...steps: AnyStep[]) => steps],
    ['in a child', inChild],
  ])('leads the path of a command nowhere, %s', (_, around) => {
    const { stdout, stderr, status } = run(around(open, nine, execPath(through)));
    expect(stdout).toBe('');
    expect(stderr).toContain(`exec: "${through}"`);
    expect(status).toBe(127);
  });

  test('control: one that is not closed does, as of a chain, or by being asked for', () => {
    const chain = step('exec', 'exec', { file: through, argv: ['x'] }, 'run it');
    expect(run([open, nine, chain])).toMatchObject({ stdout: 'it runs', status: 7 });
    expect(run([open, nine, execPath(through, [9])])).toMatchObject({ stdout: 'it runs', status: 7 });
  });

  test('is closed though the plan keeps it, if the command would not have it', () => {
    // Its number is the lowest that is free here.
    const at = (n: number): AnyStep[] => [open, execPath(`/proc/self/fd/${n}/../program`, [leak])];
    for (const n of [3, 4, 5]) expect(run(at(n)).stdout).toBe('');
    const chain = (n: number) =>
      step('exec', 'exec', { file: `/proc/self/fd/${n}/../program`, argv: ['x'] }, 'run it');
    expect([3, 4, 5].map((n) => run([open, chain(n)]).stdout).join('')).toBe('it runs');
  });
});

describe('close_others', () => {
  const look = exec(
    '/bin/sh',
    '-c',
    'for n in 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$n && echo $n; done; true',
  );
  const descriptors = (file: string) => Array.from({ length: 7 }, () => openSync(file, 'r'));
  const given = (file: string) => ({ stdio: ['ignore', 'pipe', 'pipe', ...descriptors(file)] as const });

  test('leaves what is to be kept, in any order and named twice', () => {
    const path = plan([[op('close_others', { keep: [8, 3, 8, -1, 5], directories: 0 }), look]]);
    expect(runPlan(path, given('/etc/passwd') as never).stdout).toBe('3\n5\n8\n');
  });

  test('takes directories out of that where it is told to', () => {
    const keep = [3, 4, 9];
    const close = (directories: number) => plan([[op('close_others', { keep, directories }), look]]);
    expect(runPlan(close(0), given('/etc') as never).stdout).toBe('3\n4\n9\n');
    expect(runPlan(close(1), given('/etc') as never).stdout).toBe('');
    expect(runPlan(close(1), given('/etc/passwd') as never).stdout).toBe('3\n4\n9\n');
  });
});

describe('what the kernel does not execute', () => {
  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(join(work, name), content, { mode: 0o755 });
    return join(work, name);
  };
  const odd = {
    empty: file('empty', ''),
    'a script without #!': file('plain', 'echo run by a shell\n'),
    // EM_68K
    'made for another machine': file('foreign', tinyProgram('', 0, 4)),
  };

  test.each(Object.entries(odd))('%s: an error, and not /bin/sh', (_, path) => {
    const { stdout, stderr, status } = run([execPath(path)]);
    expect({ stdout, status }).toEqual({ stdout: '', status: 126 });
    expect(stderr).toContain('Exec format error');
    expect(run(inChild({ ...execPath(path), words: { doing: 'x', exit: 1 } })).status).toBe(1);
  });

  test('as the command of a chain it is a shell script, as for execvp(3)', () => {
    expect(run([exec(odd['a script without #!'])]).stdout).toBe('run by a shell\n');
    expect(run([exec(odd.empty)]).status).toBe(0);
  });

  test('a helper is executed as it is', () => {
    const helper = (path: string): AnyStep =>
      step('running', 'helper', { file: path, argv: [path], env: [], stdin: '', timeout: 0 }, 'help');
    expect(run([helper(odd['a script without #!'])]).stderr).toContain('Exec format error');
  });
});

describe('once a filter is loaded', () => {
  const numbers = {
    x64: { write: 1, execve: 59, exit_group: 231 },
    arm64: { write: 64, execve: 221, exit_group: 94 },
  };
  const { write, execve, exit_group } = numbers[process.arch as keyof typeof numbers];
  const errno = (n: number): number => 0x00050000 | n;
  const kill = 0x80000000;
  /** Every call gets this answer but these. */
  const filter = (answer: number, allowed: number[]): AnyStep[] => [
    op('no_new_privs', {}),
    step(
      'seccomp-late',
      'seccomp',
      {
        filter: Buffer.concat([
          insn(0x20, 0, 0, 0),
          ...allowed.flatMap((n) => [insn(0x15, 0, 1, n), insn(6, 0, 0, 0x7fff0000)]),
          insn(6, 0, 0, answer),
        ]),
        flags: 0,
        listener: slot('listener'),
      },
      'load the filter',
    ),
  ];

  test.each([
    ['EPERM', errno(1)],
    ['ENOSYS', errno(38)],
    ['kill', kill],
  ])('execve is the only call that is made: %s for every other', (_, answer) => {
    const steps = [...filter(answer, [write, execve, exit_group]), execPath(program)];
    expect(run(steps)).toMatchObject({ stdout: 'it runs', stderr: '', status: 7 });
    expect(run(inChild(...steps))).toMatchObject({ stdout: 'it runs', stderr: '', status: 7 });
  });

  test('the same for the command of a chain', () => {
    const steps = [...filter(kill, [write, execve, exit_group]), exec(program)];
    expect(run(steps)).toMatchObject({ stdout: 'it runs', status: 7 });
    expect(run(inChild(...steps))).toMatchObject({ stdout: 'it runs', status: 7 });
  });

  test('a refused execve is told, though nothing at all is allowed, not even to end', () => {
    const words = `test: exec: "${program}": the seccomp filter does not allow execve: Operation not permitted\n`;
    expect(run(inChild(...filter(errno(1), []), execPath(program)))).toMatchObject({
      stderr: words,
      status: 126,
    });
    const chain = run(inChild(...filter(errno(1), []), exec(program)));
    expect(chain.stderr).toContain('the seccomp filter does not allow execve: Operation not permitted');
    // Without a parent to hear it there is nobody to tell, but it ends.
    expect(run([...filter(errno(1), []), execPath(program)]).signal).toBe('SIGILL');
    expect(run([...filter(errno(1), [write, exit_group]), execPath(program)]).stderr).toBe(words);
  });

  test('what execve itself says is not put down to the filter', () => {
    const path = join(work, 'missing');
    const { stderr } = run(inChild(...filter(errno(1), [execve]), execPath(path)));
    expect(stderr).toContain(`exec: "${path}"`);
    expect(stderr).not.toContain('does not allow execve');
  });
});

describe('seccomp_check', () => {
  const check = (bytes: number, flags: number): AnyStep => op('seccomp_check', { bytes, flags });
  const say = exec('/bin/sh', '-c', 'grep Seccomp: /proc/self/status');

  test('loads nothing, and fails as loading would', () => {
    expect(run([op('no_new_privs', {}), check(8, 0), say]).stdout).toBe('Seccomp:\t0\n');
    expect(run([check(8, 1 << 30), say]).stderr).toContain('Invalid argument');
    expect(run([check(8 * 4097, 0), say]).stderr).toContain('Invalid argument');
    expect(run([check(0, 0), say]).stderr).toContain('Invalid argument');
    const none = op('capset', { effective: 0, permitted: 0, inheritable: 0 });
    expect(run([none, check(8, 0), say]).stderr).toContain('it needs CAP_SYS_ADMIN or no_new_privs');
    expect(run([none, op('no_new_privs', {}), check(8, 0), say]).stdout).toBe('Seccomp:\t0\n');
  });
});
