/** Limits of the command's own process, beside prlimit(1), nice(1), ionice(1) and chrt(1); and what is left at the end. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { killOne, needs, run, runShell, runTool, start, tempDir, until } from '../../../test/support.ts';

const cg = (...args: string[]) => runTool('cg-limit', args);
const limits = ['cat', '/proc/self/limits'];

test('what prlimit sets, by its names', (context) => {
  needs(context, 'command:prlimit');
  for (const [ours, theirs] of [
    [['--nofile', '100:200'], ['--nofile=100:200']],
    [['--core', '0'], ['--core=0']],
    [['--core', '0:1M'], ['--core=0:1048576']],
    [
      ['--nproc', '500', '--stack', '1M', '--fsize', '1G'],
      ['--nproc=500', '--stack=1048576', '--fsize=1073741824'],
    ],
    [
      ['--cpu-time', '7:9', '--memlock', '64K'],
      ['--cpu=7:9', '--memlock=65536'],
    ],
    [
      ['--as', '4G', '--data', '2G'],
      ['--as=4294967296', '--data=2147483648'],
    ],
    [
      ['--sigpending', '9', '--msgqueue', '800', '--locks', '5'],
      ['--sigpending=9', '--msgqueue=800', '--locks=5'],
    ],
    [
      ['--rttime', '1000', '--rtprio', '0', '--rss', 'unlimited'],
      ['--rttime=1000', '--rtprio=0', '--rss=unlimited'],
    ],
    [
      ['--ulimit', 'nofile=64:128', '--ulimit', 'nice=0'],
      ['--nofile=64:128', '--nice=0'],
    ],
  ] as const) {
    const [a, b] = [cg(...ours, '--', ...limits), run('prlimit', [...theirs, ...limits])];
    expect(a).toEqual(b);
    expect(a.status).toBe(0);
  }
});

test('what nice, ionice and chrt set', (context) => {
  needs(context, 'root', 'command:ionice', 'command:chrt');
  expect(cg('--nice', '5', '--', 'nice').stdout).toBe(run('nice', ['-n', '5', 'nice']).stdout);
  expect(cg('--nice', '-3', '--', 'nice').stdout).toBe('-3\n');
  for (const [ours, theirs] of [
    ['be:6', ['-c2', '-n6']],
    ['be', ['-c2']],
    ['rt:1', ['-c1', '-n1']],
    ['idle', ['-c3']],
  ] as const)
    expect(cg('--ionice', ours, '--', 'ionice').stdout).toBe(run('ionice', [...theirs, 'ionice']).stdout);
  const policy = ['sh', '-c', "chrt -p $$ | sed 's/.*: //'"];
  for (const [ours, theirs] of [
    ['batch', ['-b', '0']],
    ['idle', ['-i', '0']],
    ['fifo:7', ['-f', '7']],
    ['rr:9', ['-r', '9']],
  ] as const)
    expect(cg('--scheduler', ours, '--', ...policy).stdout).toBe(run('chrt', [...theirs, ...policy]).stdout);
});

test('they alone take no group: the command has the PID and the group of the caller', () => {
  const said = runShell(
    "cg-limit --nofile 50 -- sh -c 'echo $PPID; cat /proc/self/cgroup; echo limit $(ulimit -n)'; echo $$; cat /proc/self/cgroup",
  ).stdout;
  const [own, rest] = said.split('limit 50\n');
  expect(own).toBe(rest);
});

test('beside a limit of a group both hold, and in a chain', (context) => {
  needs(context, 'root');
  const inside = cg(
    '--pids-limit',
    '50',
    '--nofile',
    '60',
    '--',
    'sh',
    '-c',
    'ulimit -n; grep -c ctr-limit /proc/self/cgroup',
  ).stdout.split('\n');
  expect(inside[0]).toBe('60');
  expect(Number(inside[1])).toBeGreaterThan(0);
  expect(
    runShell('ns-enter --new uts -- cg-limit --nofile 70 -- caps-drop --no-new-privs -- sh -c "ulimit -n"')
      .stdout,
  ).toBe('70\n');
});

test('in the pipe they are process.rlimits, scheduler and ioPriority, which the runtimes take', (context) => {
  needs(context, 'root', 'command:runc');
  const amended = runShell(
    'ctr-run spec - | cg-limit --nofile 90:95 --nice 3 --ionice be:5 | cg-limit --core 0 --nofile 91',
  );
  expect(amended.stderr).toBe('');
  const { process } = JSON.parse(amended.stdout) as {
    process: Record<string, unknown> & { rlimits: object[] };
  };
  expect(process.rlimits).toContainEqual({ type: 'RLIMIT_NOFILE', soft: 91, hard: 91 });
  expect(process.rlimits).toContainEqual({ type: 'RLIMIT_CORE', soft: 0, hard: 0 });
  expect(
    process.rlimits.filter((limit) => (limit as { type: string }).type === 'RLIMIT_NOFILE'),
  ).toHaveLength(1);
  expect(process).toMatchObject({
    scheduler: { policy: 'SCHED_OTHER', nice: 3 },
    ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 5 },
  });
  // What was there of the process stays.
  expect(process.args).toBeDefined();
  const ran = runShell(
    'ctr-run spec --rootfs host -- sh -c "ulimit -n; nice" | cg-limit --nofile 90:95 --nice 3 | ctr-run run -',
  );
  expect(ran).toMatchObject({ status: 0, stdout: '90\n3\n' });
});

test.each([
  ['--nofile', '5:'],
  ['--nofile', ':5'],
  ['--nofile', '9:5'],
  ['--nofile', 'many'],
  ['--nice', '20'],
  ['--scheduler', 'fifo'],
  ['--scheduler', 'batch:3'],
  ['--scheduler', 'deadline'],
  ['--ionice', 'be:8'],
  ['--ionice', 'idle:1'],
  ['--ulimit', 'nope=1'],
])('%s %s is refused by name', (flag, value) => {
  const ended = cg(flag, value, '--', 'true');
  expect(ended.status).toBe(125);
  expect(ended.stderr).toContain(flag === '--ulimit' ? 'nope' : flag);
});

test('--update is about groups, and says what changes a process', () => {
  expect(cg('--update', String(process.pid), '--nofile', '5').stderr).toContain('prlimit --pid');
});

test('what is left of a command stays, and with --kill-left is killed, in a session of its own too', async (context) => {
  needs(context, 'root', 'command:setsid');
  const dir = tempDir('left');
  const left = (...flags: string[]) => {
    const file = join(dir, `pid${flags.length}`);
    const ended = cg(
      ...flags,
      '--pids-limit',
      '20',
      '--',
      'sh',
      '-c',
      `setsid sh -c 'echo $$ >${file}; exec sleep 1000' >/dev/null 2>&1 </dev/null & while [ ! -s ${file} ]; do sleep 0.05; done; exit 3`,
    );
    return { ended, pid: Number(readFileSync(file, 'utf8')) };
  };
  const without = left('--cgroup', `/ctr-test-left-${process.pid}`);
  expect(without.ended.status).toBe(3);
  expect(without.ended.stderr).toContain('stays, for processes are still in it');
  expect(existsSync(`/proc/${without.pid}`)).toBe(true);
  killOne(without.pid);
  await until('it has gone', () => !existsSync(`/proc/${without.pid}`));
  expect(cg('--remove', `/ctr-test-left-${process.pid}`)).toMatchObject({ status: 0 });
  const killed = left('--kill-left');
  expect(killed.ended).toMatchObject({ status: 3, stderr: '' });
  await until('it has gone', () => !existsSync(`/proc/${killed.pid}`));
  // SIGTERM, as timeout(1) sends it, ends the command; then what it left.
  const file = join(dir, 'timed');
  const timed = run('sh', [
    '-c',
    // Its second begins when the command is there: on a busy machine that takes longer.
    `cg-limit --kill-left -- sh -c 'setsid sh -c "echo \\$\\$ >${file}; exec sleep 1000" & exec sleep 1000' & c=$!; until [ -s ${file} ]; do sleep 0.1; done; kill $c; wait $c`,
  ]);
  expect(timed.status).toBe(143);
  const pid = Number(readFileSync(file, 'utf8'));
  await until('it has gone', () => !existsSync(`/proc/${pid}`));
});

test('--update PID says with whom it shares the group, before it changes anything', async (context) => {
  needs(context, 'root');
  const path = `/ctr-test-share-${process.pid}`;
  const { child } = start('cg-limit', [
    '--cgroup',
    path,
    '--pids-limit',
    '30',
    '--',
    'sh',
    '-c',
    'sleep 1000 & sleep 1000 & echo ready; wait',
  ]);
  let out = '';
  child.stdout!.on('data', (text) => {
    out += text;
  });
  await until('ready', () => out.includes('ready'));
  const { members } = JSON.parse(cg('--show', path, '--json').stdout) as {
    members: { pid: number; command: string }[];
  };
  const one = members.find(({ command }) => command.startsWith('sleep'))!.pid;
  const updated = cg('--update', String(one), '--pids-limit', '40');
  expect(updated).toMatchObject({ status: 0, stdout: '' });
  expect(updated.stderr).toBe(
    `cg-limit: process ${one} shares the group ${path} with 2 other processes, which get these limits too; --move limits it alone\n`,
  );
  // Who names the group means it.
  expect(cg('--update', path, '--pids-limit', '41')).toMatchObject({ status: 0, stderr: '' });
  expect(cg('--kill', path)).toMatchObject({ status: 0 });
});
