/** `--why`: a command runs under a profile, and at the end it is said what was refused, and what would allow it. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needs, runTool, tempDir } from '../../../test/support.ts';

const directory = tempDir('why');
let count = 0;
const file = (profile: unknown): string => {
  const path = join(directory, `${count++}.json`);
  writeFileSync(path, JSON.stringify(profile));
  return path;
};
const load = (...args: string[]) => runTool('seccomp-load', args, { timeout: 60_000 });
const leftovers = () => readdirSync('/tmp').filter((name) => /^seccomp-load-\w{6}$/.test(name));

const made = join(directory, 'made');
const tries = `import os, socket
for i in range(3):
    try: os.mkdir('${made}')
    except OSError as e: print(e.errno)
try: socket.socket(38, 5)
except OSError as e: print(e.errno)`;
const python = ['python3', '-Sc', tries];

test('names each refused call, how often, its answer, and the rule that allows it and no more', (context) => {
  needs(context, 'root', 'command:python3');
  const before = leftovers();
  const flags = ['default', '--caps', 'docker', '--deny', 'mkdir'];
  const { status, stdout, stderr } = load(...flags, '--why', '--', ...python);
  // The same as under the filter itself.
  expect([status, stdout]).toEqual([0, '1\n1\n1\n1\n']);
  expect(load(...flags, '--', ...python).stdout).toBe(stdout);
  expect(stderr).toContain('seccomp-load: 4 calls were refused:\n');
  expect(stderr).toContain(`  3  mkdir("${made}", 511, 0)  errno EPERM  (defaultAction)\n`);
  expect(stderr).toContain('     to allow it: {"names":["mkdir"],"action":"SCMP_ACT_ALLOW"}\n');
  expect(stderr).toMatch(/ {2}1 {2}socket\(AF_ALG, .*\) {2}errno EPERM {2}\(defaultAction\)\n/);
  expect(leftovers()).toEqual(before);

  // The rules that were named, and nothing else, make it work.
  const rules = [...stderr.matchAll(/to allow it: (.*)$/gm)].map(([, text]) => JSON.parse(text!));
  expect(rules).toHaveLength(2);
  const base = JSON.parse(
    runTool('seccomp-load', ['default', '--caps', 'docker', '--deny', 'mkdir'], {
      input: '{"ociVersion":"1.2.0"}',
    }).stdout,
  ).linux.seccomp;
  const mended = file({ ...base, syscalls: [...base.syscalls, ...rules] });
  const again = load(mended, '--why', '--', ...python);
  expect(again.stderr).toBe('seccomp-load: no call was refused\n');
  expect(existsSync(made)).toBe(true);
});

test('a profile that lists what is refused, and the errno that it answers', (context) => {
  needs(context, 'root');
  const profile = file({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28, comment: 'no room' }],
  });
  const { status, stderr } = load(profile, '--why', '--', 'mkdir', join(directory, 'full'));
  expect(status).toBe(1);
  expect(stderr).toContain('No space left');
  expect(stderr).toMatch(
    /seccomp-load: 1 call was refused:\n {2}1 {2}mkdir\(.*errno ENOSPC {2}\(syscalls\[0\]\)/,
  );
});

test('a call that ends the process ends it here too, and is named', (context) => {
  needs(context, 'root');
  const profile = file({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_KILL_PROCESS' }],
  });
  const command = ['--', 'mkdir', join(directory, 'killed')];
  expect(load(profile, ...command).signal).toBe('SIGSYS');
  const { signal, stderr } = load(profile, '--why', ...command);
  expect(signal).toBe('SIGSYS');
  expect(stderr).toContain('kill_process  (syscalls[0])');
});

test('what it cannot be asked of is said, and --plan does nothing', (context) => {
  needs(context, 'root');
  const before = leftovers();
  expect(load('--why', '--', 'true').stderr).toContain('--why takes one profile');
  expect(load('default', 'default', '--why', '--', 'true').stderr).toContain('--why takes one profile');
  expect(load('unconfined', '--why', '--', 'true').stderr).toContain('unconfined refuses nothing');
  expect(load('default', '--why').stderr).toContain('no command to watch');
  const planned = load('default', '--why', '--plan', '--', 'mkdir', join(directory, 'planned'));
  expect(planned.status).toBe(0);
  expect(existsSync(join(directory, 'planned'))).toBe(false);
  expect(leftovers()).toEqual(before);
});
