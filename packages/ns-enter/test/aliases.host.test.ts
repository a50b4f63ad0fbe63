/** A link that is called nsenter, unshare, lsns, setpriv or capsh, beside the program of that name: the same line, the same answer. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Ended, findCommand, needs, run, tempDir, toolPath } from '../../../test/support.ts';
import { unshared } from './support.ts';

const links = tempDir('aliases');
beforeAll(() => {
  for (const name of ['nsenter', 'unshare', 'lsns', 'setpriv', 'capsh'])
    symlinkSync(toolPath('ns-enter'), join(links, name));
});

const words = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);

function both(name: string, line: string, env?: Record<string, string>): { theirs: Ended; ours: Ended } {
  const options = env === undefined ? {} : { env: { PATH: process.env.PATH!, ...env } };
  return {
    theirs: run(findCommand(name)!, words(line), options),
    ours: run(join(links, name), words(line), options),
  };
}

/** The same output and status; of what is wrong both say something, under the same name. */
function expectSame(name: string, line: string, env?: Record<string, string>): void {
  const { theirs, ours } = both(name, line, env);
  expect({ line, status: ours.status, signal: ours.signal, stdout: ours.stdout }).toEqual({
    line,
    status: theirs.status,
    signal: theirs.signal,
    stdout: theirs.stdout,
  });
  expect(ours.stderr !== '').toBe(theirs.stderr !== '');
  if (ours.stderr !== '') expect(ours.stderr).toMatch(new RegExp(`^${name}: `));
}

describe('nsenter', () => {
  let pid = 0;
  beforeEach(async (context) => {
    needs(context, 'root', 'command:nsenter', 'command:unshare');
    pid = await unshared(['--mount', '--uts', '--ipc', '--net', '--pid', '--fork', '--kill-child']);
  });

  test('joins what the line says', () => {
    for (const line of [
      `-t ${pid} -n readlink /proc/self/ns/net`,
      `-t${pid} -a sh -c 'readlink /proc/self/ns/uts; exit 7'`,
      `--target=${pid} --net --ut readlink /proc/self/ns/uts`,
      `-t ${pid} -m -u -i -n -p -- sh -c 'echo $PPID'`,
      `--net=/proc/${pid}/ns/net --ipc=/proc/${pid}/ns/ipc readlink /proc/self/ns/ipc`,
      `-t ${pid} -Fp true`,
      `-t ${pid} -w -n pwd`,
      `-t ${pid} -n -w/etc pwd`,
      `-t ${pid} -m -W /tmp pwd`,
      `-r/ -t ${pid} -m pwd`,
      `-t ${pid} -n -S 5 -G 6 id`,
      `-t ${pid} -n -t ${pid} sh -c 'kill -TERM $$'`,
    ])
      expectSame('nsenter', line);
  });

  test('fails with its status', () => {
    for (const line of [
      `-t ${pid} -n /nonexistent`,
      `-t ${pid} -n /etc/passwd`,
      '-t 4194300 -n true',
      '-n true',
      '--net=/etc/passwd true',
      `-t ${pid} -S x true`,
      '--target',
    ])
      expectSame('nsenter', line);
    const { ours, theirs } = both('nsenter', '--bogus');
    expect([ours.status, theirs.status]).toEqual([1, 1]);
  });

  test('without a command runs the shell', () => {
    expectSame('nsenter', `-t ${pid} -n`, { SHELL: '/bin/pwd' });
    const ended = run(join(links, 'nsenter'), ['-t', String(pid), '-n'], {
      env: { SHELL: '/bin/sh', PATH: process.env.PATH!, HOME: '/' },
      input: 'echo $-; readlink /proc/self/ns/net\n',
    });
    expect(ended.stdout).toContain('net:[');
  });
});

describe('unshare', () => {
  beforeEach((context) => needs(context, 'root', 'command:unshare'));

  test.each([
    'true',
    '-n ls /sys/class/net',
    "-u sh -c 'hostname x; hostname'",
    '-rU id',
    '-U id',
    '-c id',
    '--map-user=5 id -u',
    '--map-user 5 --map-group 6 id -g',
    "-pf sh -c 'echo $$'",
    "-p sh -c 'echo a; (readlink /proc/self) >/dev/null; echo b'",
    '-pf --mount-proc readlink /proc/self',
    "-pf --kill-child=TERM sh -c 'exit 9'",
    "-m sh -c 'grep -c shared: /proc/self/mountinfo'",
    "-m --propagation shared sh -c 'grep -c shared: /proc/self/mountinfo'",
    '-R / -w /tmp pwd',
    '-mR / pwd',
    '-mpf --root=/ readlink /proc/1/root',
    '-T --boottime 100000 true',
    '-S 5 -G 6 id',
    '-r --keep-caps grep CapAmb /proc/self/status',
    '-r cat /proc/self/setgroups',
    '-C cat /proc/self/cgroup',
    '-i readlink /proc/self/cwd',
    '--boottime 4 true',
    '--propagation foo true',
    '-n /nonexistent',
    '-n /etc/passwd',
    '--map-users true',
  ])('%s', (line) => {
    expectSame('unshare', line);
  });

  test('pins on a file that is there, as it does', () => {
    const at = tempDir('alias-pin');
    for (const unshare of [findCommand('unshare')!, join(links, 'unshare')]) {
      const said = run('sh', [
        '-ec',
        'cd "$1"; : >f; "$0" --uts=f hostname ctr-pinned; nsenter --uts=f hostname; umount f; rm f',
        unshare,
        at,
      ]);
      expect(said).toMatchObject({ status: 0, stdout: 'ctr-pinned\n', stderr: '' });
    }
  });

  test('takes the ranges of 2.38 and of later ones', () => {
    for (const range of ['1000,0,10', '0:1000:10']) {
      const ended = run(join(links, 'unshare'), [
        `--map-users=${range}`,
        '--map-groups',
        range,
        'cat',
        '/proc/self/uid_map',
      ]);
      expect(ended.stdout.trim().split(/\s+/)).toEqual(['0', '1000', '10']);
    }
  });
});

describe('lsns', () => {
  let pid = 0;
  beforeEach(async (context) => {
    needs(context, 'root', 'command:lsns', 'command:unshare');
    pid = await unshared(['--mount', '--uts', '--ipc', '--net', '--pid', '--fork', '--kill-child']);
  });
  /** What runs beside it comes and goes. */
  const ofPid = (text: string): string[] =>
    text.split('\n').filter((line) => / (uts|net|ipc|mnt) /.test(line) && line.includes('sleep 1000'));
  const squeezed = (lines: string[]): string[] => lines.map((line) => line.replace(/ +/g, ' ').trim());

  test('of a process', () => {
    for (const line of [
      `-p ${pid}`,
      `-p ${pid} -n -o NS,TYPE,NPROCS,PPID,UID,COMMAND`,
      `-p ${pid} -t net`,
      `--task=${pid} -o +PATH`,
    ]) {
      const { theirs, ours } = both('lsns', line);
      expect(ours.status).toBe(theirs.status);
      expect(squeezed(ofPid(ours.stdout)).length).toBeGreaterThan(0);
      expect(squeezed(ofPid(ours.stdout))).toEqual(squeezed(ofPid(theirs.stdout)));
      const heading = (text: string): string => text.split('\n')[0]!.replace(/ +/g, ' ').trim();
      if (!line.includes('-n ')) expect(heading(ours.stdout)).toBe(heading(theirs.stdout));
    }
  });

  test('as JSON, of one kind', () => {
    const read = ({ stdout }: Ended) =>
      (JSON.parse(stdout) as { namespaces: { ns: number; command: string }[] }).namespaces.find(
        ({ command }) => command.includes('sleep 1000'),
      );
    for (const line of [`-J -t uts -p ${pid}`, `-J -o NS,TYPE,PID,PPID,UID,USER,NPROCS,COMMAND -t ipc`]) {
      const { theirs, ours } = both('lsns', line);
      expect(read(ours)).toBeDefined();
      expect(read(ours)).toEqual(read(theirs));
    }
  });

  test('refuses by name what it refuses', () => {
    for (const line of ['-o NOPE', '-t nope', '-p x']) {
      const { theirs, ours } = both('lsns', line);
      expect([line, ours.status]).toEqual([line, theirs.status]);
      expect(ours.stderr).toMatch(/^lsns: .*(NOPE|nope|x)/);
    }
  });
});

describe('setpriv', () => {
  beforeEach((context) => needs(context, 'root', 'command:setpriv'));
  const status = "grep -E '^(Cap|Uid|Gid|Groups|NoNewPrivs)' /proc/self/status";

  test.each([
    '--nnp',
    '--reuid=1000 --regid=1000 --clear-groups',
    '--reuid 1000 --regid 1000 --groups 4,5 --no-new-privs',
    '--reuid=5 --clear-groups',
    '--reuid=5',
    '--regid=5 --keep-groups',
    '--reuid 5 --regid 60 --init-groups',
    '--groups 7',
    '--clear-groups',
    '--bounding-set -all,+chown,+kill',
    '--bounding-set -chown,-kill',
    '--bounding-set -all',
    '--inh-caps +chown,+kill',
    '--inh-caps -all',
    '--inh-caps=+chown --ambient-caps=+chown --reuid=1000 --regid=1000 --clear-groups',
    '--securebits +noroot,+noroot_locked',
  ])('%s', (flags) => {
    expectSame('setpriv', `${flags} sh -c '${status.replaceAll("'", '"')}'`);
  });

  test('--reset-env gives a user’s own environment', () => {
    const print = "sh -c 'echo $HOME $SHELL $USER $LOGNAME $SECRET'";
    // Without an option the program runs as it is.
    for (const flags of ['', '--reset-env ', '--reuid nobody --regid 5 --clear-groups --reset-env '])
      expectSame('setpriv', `${flags}${print}`, { SECRET: 'told' });
  });

  test.each([
    '--nnp',
    '--regid 5 true',
    '--clear-groups --keep-groups true',
    '--bogus true',
    '--reuid nobody-there true',
  ])('refuses %s', (line) => {
    const { theirs, ours } = both('setpriv', line);
    expect(ours.status).toBe(theirs.status);
    expect(ours.stderr).toMatch(/^setpriv: /);
  });

  test('says by name what it cannot do, and which word can', () => {
    for (const [line, says] of [
      ['--euid 5 true', '--euid: an effective ID alone'],
      ['--ruid 5 true', '--ruid: a real ID alone'],
      ['--reuid 5 --init-groups true', '--regid'],
      ['--pdeathsig KILL true', 'ns-enter --kill-child'],
      ['--securebits -noroot true', '-noroot'],
    ] as const) {
      const { ours } = both('setpriv', line);
      expect([line, ours.status]).toEqual([line, 1]);
      expect(ours.stderr).toContain(says);
    }
  });
});

test('capsh --print is caps-drop --show, and what it would run is refused by name', () => {
  const own = run(join(links, 'capsh'), ['--print']);
  expect(own).toMatchObject({ status: 0, stderr: '' });
  // The first line is the process itself.
  const rest = (text: string): string => text.slice(text.indexOf('\n'));
  expect(rest(own.stdout)).toBe(rest(run(toolPath('caps-drop'), ['--show']).stdout));
  expect(run(join(links, 'capsh'), ['--drop=cap_chown', '--print'])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('--drop'),
  });
  expect(run(join(links, 'capsh'), ['--decode=3']).stdout).toBe(
    run(toolPath('caps-drop'), ['--decode', '3']).stdout,
  );
});

test('a link of another name is still the tool that it leads to', () => {
  symlinkSync(toolPath('ns-enter'), join(links, 'enter'));
  expect(run(join(links, 'enter'), ['--version']).stdout).toMatch(/^ns-enter \(ctr-tools\)/);
  expect(run(join(links, 'nsenter'), ['--version']).stdout).toMatch(/^nsenter of ns-enter \(ctr-tools\)/);
});
