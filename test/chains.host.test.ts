/**
 * Chains: fused into one plan or launched one by one, the command finds the same; and of the
 * caller's process everything is kept that no tool was told to change.
 */
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bin, type Ended, needs, run, runShell, runTool, tempDir, toolEnv } from './support.ts';

/** What a process can see of itself, in a form that does not change from run to run. */
const look = [
  'grep -E "^(Umask|Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Sig(Blk|Ign|Cgt)|ShdPnd)" /proc/self/status',
  'cat /proc/self/limits',
  'sed "s/ctr-limit-[0-9]*/GROUP/g" /proc/self/cgroup',
  'cd /proc/self/fd && for fd in *; do [ "$fd" = 255 ] || echo "fd $fd"; done',
  'tr "\\0" "\\n" </proc/self/environ | grep -vE "^(_|CTR_CGROUP)=" | LC_ALL=C sort',
  'cat /proc/sys/kernel/hostname',
].join('; ');

/** The same chain with every tool after the first as a file, which is never fused. */
const unfused = (chain: readonly string[]): string[] =>
  chain.map((word, i) =>
    i > 0 && /^(ns-enter|cg-limit|caps-drop|seccomp-load|aa-confine)$/.test(word) ? join(bin, word) : word,
  );

const through = (chain: readonly string[], script: string): Ended =>
  runTool(chain[0]!, [...chain.slice(1), '/bin/sh', '-c', script]);

const stepsOf = (chain: readonly string[]): string =>
  runTool(chain[0]!, ['--plan', ...chain.slice(1), 'true']).stdout;

describe('fused and launched one by one are the same', () => {
  test.each([
    ['cg-limit --memory 64M -- caps-drop --all -- seccomp-load default --'],
    ['cg-limit --pids-limit 50 cg-limit --memory 64M caps-drop --only net_bind_service'],
    ['ns-enter --new uts --hostname box -- caps-drop --drop sys_admin'],
    ['caps-drop --user 65534 --all -- seccomp-load default --'],
  ])('%s', (line) => {
    const chain = line.split(' ');
    const [one, many] = [through(chain, look), through(unfused(chain), look)];
    expect(one).toMatchObject({ status: 0, stderr: '' });
    expect(one.stdout).toContain('CapEff');
    expect(one).toEqual(many);
  });

  test.each([
    ['exit 7', { status: 7, signal: null }],
    ['kill -9 $$', { status: null, signal: 'SIGKILL' }],
    ['kill -TERM $$', { status: null, signal: 'SIGTERM' }],
  ])('%s', (script, ended) => {
    const chain = ['cg-limit', '--memory', '64M', '--', 'caps-drop', '--all', '--'];
    expect(through(chain, script)).toMatchObject(ended);
    expect(through(unfused(chain), script)).toMatchObject(ended);
  });

  test.each([
    ['/nonexistent/command', 127],
    ['no-such-command', 127],
    ['/etc/passwd', 126],
  ])('a command that cannot be run: %s', (command, status) => {
    const chain = ['cg-limit', '--memory', '64M', '--', 'caps-drop', '--all', '--', command];
    for (const words of [chain, unfused(chain)]) {
      const ended = runTool(words[0]!, words.slice(1));
      expect(ended.status).toBe(status);
      expect(ended.stderr).toContain(command);
      expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
    }
  });

  test('a mistake in a later link is the same mistake', () => {
    for (const tool of ['seccomp-load', join(bin, 'seccomp-load')]) {
      const ended = runTool('caps-drop', ['--all', '--', tool, '--bogus', '--', 'true']);
      expect(ended).toMatchObject({ status: 125, stdout: '' });
      expect(ended.stderr).toMatch(/^seccomp-load: unknown flag --bogus/);
    }
  });
});

test('a chain by bare names is one plan', () => {
  const plan = stepsOf([
    'cg-limit',
    '--memory',
    '64M',
    '--',
    'caps-drop',
    '--all',
    '--',
    'seccomp-load',
    'default',
    '--',
  ]);
  expect(plan).toMatch(/memory\.(limit_in_bytes|max)/);
  expect(plan).toMatch(/capset/);
  expect(plan).toMatch(/seccomp filter=/);
  expect(plan.match(/ exec /g)).toHaveLength(1);
});

test('the command is looked up in PATH as the links before it leave it', () => {
  const dir = tempDir('path');
  writeFileSync(join(dir, 'only-here'), '#!/bin/sh\necho found\n', { mode: 0o755 });
  const ended = runTool('caps-drop', ['--all', '--', 'only-here'], { env: { PATH: `${dir}:/bin:/usr/bin` } });
  expect(ended).toMatchObject({ status: 0, stdout: 'found\n' });
  expect(runTool('caps-drop', ['--all', '--', 'only-here'], { env: { PATH: '/bin' } }).status).toBe(127);
});

describe("the caller's process is kept", () => {
  test('PID, descriptors, limits, signals, umask and odd variables', (context) => {
    needs(context, 'command:bash');
    const file = join(tempDir('kept'), 'file');
    writeFileSync(file, 'text');
    const fd = openSync(file, 'r');
    const env = {
      ...toolEnv(),
      'odd.name': 'x',
      EMPTY: '',
      '=weird': 'y',
      NODE_OPTIONS: '--bogus',
      LD_BIND_NOW: '1',
    };
    const set = 'trap "" PIPE XFSZ USR1; umask 037; ulimit -Sn 321; ulimit -Hn 654; ulimit -c 0;';
    const show =
      'echo "$$ $PPID"; grep -E "^(Umask|Sig(Ign|Cgt|Pnd))" /proc/$$/status; grep SigBlk /proc/self/status; cat /proc/$$/limits; ls /proc/$$/fd; tr "\\0" "\\n" </proc/$$/environ | LC_ALL=C sort';
    // exec, so that the PID is the shell's in both: the tool must become the command.
    const line = (prefix: string): string => `${set} echo $$; exec ${prefix} /bin/dash -c '${show}'`;
    // --norc: with a socket as its stdin bash may think that it was started by rshd.
    const bare = run('/bin/bash', ['--norc', '-c', line('')], { env, fds: [fd] });
    const chain = run(
      '/bin/bash',
      ['--norc', '-c', line('ns-enter --new uts -- caps-drop --drop sys_boot --')],
      {
        env,
        fds: [fd],
      },
    );
    closeSync(fd);
    const [first, second] = [bare, chain].map(({ stdout }) => {
      const [started, became, ...rest] = stdout.split('\n');
      expect(became?.split(' ')[0]).toBe(started);
      return rest;
    });
    expect(chain).toMatchObject({ status: 0, stderr: '' });
    expect(second).toEqual(first);
  });

  test('a reader that goes away ends the writer quietly', () => {
    const ended = runShell('caps-drop --drop sys_boot -- yes | head -n 1');
    expect(ended).toEqual({ status: 0, signal: null, stdout: 'y\n', stderr: '' });
    expect(runShell('ns-enter --show | head -n 1').stderr).not.toMatch(/EPIPE|bug/);
  });
});
