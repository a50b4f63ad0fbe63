/**
 * A profile that leaves nothing to load, or that says something else than it seems to. Before, such a command
 * ran unconfined with exit code 0. The rules are the same on every way that a profile goes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Ended, needs, run, runTool, tempDir } from '../../../test/support.ts';

const directory = tempDir('unusable');
let count = 0;
function fileOf(profile: unknown): string {
  const file = join(directory, `${count++}.json`);
  writeFileSync(file, typeof profile === 'string' ? profile : JSON.stringify(profile));
  return file;
}

/** Every way that a profile goes, and how to tell whether it was taken. */
const roads: [string, (file: string, flags: readonly string[]) => Ended][] = [
  ['apply', (f, x) => runTool('seccomp-load', [...x, f, '--', 'grep', 'Seccomp:', '/proc/self/status'])],
  ['amend', (f, x) => runTool('seccomp-load', [...x, f], { input: '{"ociVersion":"1.2.0"}' })],
  ['--raw', (f, x) => runTool('seccomp-load', [...x, f, '--raw', '-'])],
  [
    '--raw FD --',
    (f, x) => {
      const raw = join(directory, 'default.bpf');
      runTool('seccomp-load', ['default', '--raw', raw]);
      return runTool('seccomp-load', [...x, f, '--raw', raw, '--', 'grep', 'Seccomp:', '/proc/self/status']);
    },
  ],
  ['--dump', (f, x) => runTool('seccomp-load', [...x, f, '--dump'])],
  ['--test', (f, x) => runTool('seccomp-load', [...x, f, '--test', 'execve(0)'])],
  ['--explain', (f, x) => runTool('seccomp-load', [...x, f, '--explain'])],
  ['--diff', (f, x) => runTool('seccomp-load', [...x, f, f, '--diff'])],
];

const allow = (syscall: object) => ({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [syscall] });
const refused: [string, unknown, RegExp][] = [
  ['an empty profile', {}, /defaultAction: is missing/],
  ['an empty action', { defaultAction: '' }, /defaultAction: found an empty string/],
  [
    'a profile one level too deep',
    { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } },
    /defaultAction: is missing; seccomp: unknown property/,
  ],
  [
    'rules alone',
    { syscalls: [{ names: ['ptrace'], action: 'SCMP_ACT_ERRNO' }] },
    /defaultAction: is missing/,
  ],
  ['a spec without a filter', { ociVersion: '1.2.0', linux: {} }, /linux\.seccomp is missing/],
  [
    'a call that no kernel has, to be refused',
    allow({ names: ['nosuch'], action: 'SCMP_ACT_ERRNO' }),
    /has the call nosuch; it is to be refused \(errno EPERM\), but would be allowed/,
  ],
  [
    'one name in two spellings',
    { defaultAction: 'SCMP_ACT_ALLOW', Syscalls: [], syscalls: [] },
    /Syscalls: is there as syscalls too/,
  ],
];

describe.each(roads)('%s', (_road, go) => {
  test.each(refused)('refuses %s', (_what, profile, words) => {
    const { status, stdout, stderr } = go(fileOf(profile), []);
    expect([status, stdout]).toEqual([125, '']);
    expect(stderr).toMatch(words);
    expect(stderr).toMatch(/^[^\n]*\n$/);
  });

  test.each<[string, unknown, RegExp]>([
    [
      'a name in another case',
      { defaultaction: 'SCMP_ACT_ALLOW' },
      /^seccomp-load: (?:warning: )?\S+: defaultaction: is read as defaultAction$/m,
    ],
    [
      'an unknown name deep inside',
      allow({ names: ['mkdir'], action: 'SCMP_ACT_ERRNO', arg: [{ index: 0 }] }),
      /^seccomp-load: (?:warning: )?\S+: syscalls\[0\]\.arg: unknown property, ignored; args was probably meant$/m,
    ],
    [
      'a call that no kernel has, to be allowed',
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['nosuch'], action: 'SCMP_ACT_LOG' }],
      },
      /^seccomp-load: (?:warning: )?\S+: syscalls\[0\]: no kernel up to .* has the call nosuch$/m,
    ],
  ])('warns of %s, and refuses it with --strict', (_what, profile, words) => {
    const taken = go(fileOf(profile), []);
    expect(taken.stderr).toMatch(words);
    expect(taken.stderr).toMatch(/^seccomp-load: warning: /);
    expect(taken.status).toBe(0);
    const strict = go(fileOf(profile), ['--strict']);
    expect([strict.status, strict.stdout]).toEqual([125, '']);
    expect(strict.stderr).toMatch(words);
  });
});

test('a rule under a name in another case holds', () => {
  const line = ['sh', '-c', 'mkdir /nowhere/x; grep Seccomp: /proc/self/status'];
  const rule = { Names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoret: 28 };
  const free = run(line[0]!, line.slice(1));
  expect(free.stderr).toContain('No such file');
  for (const profile of [
    { DefaultAction: 'SCMP_ACT_ALLOW', Syscalls: [rule] },
    { OciVersion: '1.2.0', Linux: { Seccomp: { DefaultAction: 'SCMP_ACT_ALLOW', Syscalls: [rule] } } },
  ]) {
    const { stdout, stderr } = runTool('seccomp-load', [fileOf(profile), '--', ...line]);
    expect(stdout).toContain('Seccomp:\t2');
    expect(stderr).toContain('No space left');
  }
});

test('the rules of --notify are held to the same', () => {
  const go = (rules: unknown, ...flags: string[]) =>
    runTool('seccomp-load', [...flags, '--notify', fileOf(rules), '--', 'true']);
  expect(go({ call: [] }).stderr).toMatch(/calls: is missing; call: unknown property/);
  const odd = { calls: [{ names: ['nosuch'], Answer: 'continue', arg: [] }] };
  const { status, stderr } = go(odd);
  expect(status).toBe(0);
  expect(stderr.match(/calls\[0\]\.Answer: is read as answer/g)).toHaveLength(1);
  expect(stderr).toMatch(/calls\[0\]\.arg: unknown property/);
  expect(stderr).toMatch(/has the call nosuch/);
  expect(go(odd, '--strict').status).toBe(125);
});

test('a profile that refuses to run anything is refused, and does not leave a process that cannot end', (context) => {
  needs(context, 'root');
  const file = fileOf({ defaultAction: 'SCMP_ACT_ERRNO' });
  const { status, stderr } = runTool('seccomp-load', [file, '--', 'true']);
  expect(status).toBe(125);
  expect(stderr).toBe(
    'seccomp-load: the seccomp filter answers execve and execveat with errno EPERM, so it could not run the command\n',
  );
  // Compiled, it is loaded: the launcher under it can neither run the command, nor say so, nor exit.
  const raw = join(directory, 'nothing.bpf');
  expect(runTool('seccomp-load', [file, '--raw', raw]).status).toBe(0);
  expect(readFileSync(raw).length).toBeGreaterThan(0);
  expect(runTool('seccomp-load', ['--raw', raw, '--', 'true']).signal).toBe('SIGILL');
});
