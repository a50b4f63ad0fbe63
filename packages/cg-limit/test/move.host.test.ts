/** A process that runs, under limits of its own, and back; several targets at once; what is inside to the parent. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { hasCommand, killOne, needs, run, runTool, start, toolPath, until } from '../../../test/support.ts';
import { carriedBy, hierarchiesOf } from '../src/layout.ts';

const path = `/ctr-test-move-${process.pid}`;
const here = hierarchiesOf();
const pids = here.find((h) => carriedBy(h).includes('pids')) ?? here.find((h) => h.version === 2)!;
const cg = (...args: string[]) => runTool('cg-limit', args);
const at = (name = path): string => join(pids.mountPoint, name);
const read = (file: string): string => readFileSync(file, 'utf8').trim();
const groupOf = (pid: number): string =>
  hierarchiesOf(pid).find(({ mountPoint }) => mountPoint === pids.mountPoint)!.path;

/** A process that forks a child on each line that it reads. */
async function forking() {
  const started = start('/bin/sh', ['-c', 'while read line; do sleep 600 & echo $!; done']);
  await until('it runs', () => existsSync(`/proc/${started.child.pid}/stat`));
  const born = async (): Promise<number> => {
    const before = started.output().stdout.length;
    started.child.stdin!.write('x\n');
    await until('a child', () => started.output().stdout.slice(before).endsWith('\n'));
    return Number(started.output().stdout.slice(before).trim());
  };
  return { pid: started.child.pid!, born, started };
}

const children: number[] = [];
afterEach(() => {
  for (const pid of children.splice(0)) if (existsSync(`/proc/${pid}`)) killOne(pid);
  for (const name of [path, `${path}-a`, `${path}-b`])
    if (existsSync(at(name))) {
      cg('--kill', name);
      cg('--remove', name);
    }
});

test('moves a process and its children from then on, and both back at a signal', async (context) => {
  needs(context, 'root');
  const { pid, born } = await forking();
  const [home, before] = [groupOf(pid), await born()];
  const mover = start(toolPath('cg-limit'), ['--move', String(pid), '--pids-limit', '7', '--cgroup', path]);
  await until('it is moved', () => groupOf(pid) === path);
  expect(read(`${at()}/pids.max`)).toBe('7');
  const after = await born();
  children.push(before, after);
  expect([groupOf(before), groupOf(after)]).toEqual([home, path]);
  mover.child.kill('SIGINT');
  expect(await mover.ended).toMatchObject({ signal: 'SIGINT', stdout: '', stderr: '' });
  expect([groupOf(pid), groupOf(after)]).toEqual([home, home]);
  expect(existsSync(at())).toBe(false);
});

test('ends with the process, and what that left goes back', async (context) => {
  needs(context, 'root');
  const { pid, born } = await forking();
  const home = groupOf(pid);
  const mover = start(toolPath('cg-limit'), ['--move', String(pid), '--pids-limit', '7', '--cgroup', path]);
  await until('it is moved', () => groupOf(pid) === path);
  const child = await born();
  children.push(child);
  killOne(pid);
  expect(await mover.ended).toMatchObject({ status: 0, stderr: '' });
  expect(groupOf(child)).toBe(home);
  expect(existsSync(at())).toBe(false);
});

test('--keep leaves it there, as cgclassify does, and --remove --to-parent takes the group away', async (context) => {
  needs(context, 'root');
  const { pid } = await forking();
  const other = await forking();
  const flags = ['--pids-limit', '7', '--keep', '--cgroup'];
  expect(cg('--move', String(pid), ...flags, path)).toMatchObject({ status: 0, stdout: '', stderr: '' });
  expect(groupOf(pid)).toBe(path);
  if (hasCommand('cgclassify') && pids.version === 1) {
    expect(run('cgclassify', ['-g', `pids:${path}`, String(other.pid)])).toMatchObject({ status: 0 });
    expect(groupOf(other.pid)).toBe(groupOf(pid));
  }
  const refused = cg('--remove', path);
  expect(refused).toMatchObject({ status: 125, stderr: expect.stringContaining('--to-parent moves them') });
  expect(cg('--remove', path, '--to-parent')).toMatchObject({ status: 0, stderr: '' });
  expect(groupOf(pid)).toBe('/');
  expect(existsSync(at())).toBe(false);
});

test('what cannot be moved stays where it is, and no group is left', async (context) => {
  needs(context, 'root');
  const { pid } = await forking();
  const home = groupOf(pid);
  for (const [args, words] of [
    [['--move', String(pid)], 'needs a limit'],
    [['--move', 'web', '--pids-limit', '7'], 'a PID was expected'],
    [['--move', '4194304', '--pids-limit', '7'], 'there is no process 4194304'],
    // A thread of the kernel's cannot leave the root (cgroups(7)).
    [['--move', '2', '--pids-limit', '7', '--cgroup', path], 'move process 2 into'],
    [['--move', String(pid), '2', '--pids-limit', '7', '--keep', '--cgroup', path], 'no --cgroup'],
    [['--move', String(pid), '2', '--pids-limit', '7', '--keep'], 'move process 2 into'],
  ] as const) {
    const ended = cg(...args);
    expect(ended, args.join(' ')).toMatchObject({ status: 125, stdout: '' });
    expect(ended.stderr).toContain(words);
    expect(groupOf(pid)).toBe(home);
    expect([existsSync(at()), existsSync(at(`/ctr-limit-${pid}`))]).toEqual([false, false]);
  }
});

test('several targets of one act, all or none', async (context) => {
  needs(context, 'root');
  const [a, b] = [`${path}-a`, `${path}-b`];
  for (const name of [a, b])
    expect(cg('--cgroup', name, '--pids-limit', '5', '--keep', '--', 'true')).toMatchObject({ status: 0 });
  const limits = () => [a, b].map((name) => read(`${at(name)}/pids.max`));
  expect(cg('--update', a, b, '--pids-limit', '8')).toMatchObject({ status: 0, stderr: '' });
  expect(limits()).toEqual(['8', '8']);
  const nothing = cg('--update', a, b, '/no-such-group', '--pids-limit', '9');
  expect(nothing).toMatchObject({ status: 125, stderr: expect.stringContaining('no group /no-such-group') });
  expect(cg('--update', a, a, '--pids-limit', '9').stderr).toContain('is given twice');
  expect(limits()).toEqual(['8', '8']);
  const shown = cg('--show', a, b);
  expect(shown.stdout).toMatch(new RegExp(`^${a}: 0 processes\n[^]*\n\n${b}: 0 processes\n`));
  const json = JSON.parse(cg('--show', a, b, '--json').stdout) as { group: string }[];
  expect(json.map(({ group }) => group)).toEqual([a, b]);
  expect(cg('--remove', a, b)).toMatchObject({ status: 0, stderr: '' });
  expect([a, b].map((name) => existsSync(at(name)))).toEqual([false, false]);
});

test('--show --sort lists the groups in which something runs, the largest first', async (context) => {
  needs(context, 'root');
  const empty = `${path}-a`;
  cg('--cgroup', empty, '--pids-limit', '5', '--keep', '--', 'true');
  const kept = start(toolPath('cg-limit'), ['--cgroup', path, '--pids-limit', '5', '--', 'sleep', '600']);
  await until('the command runs', () => existsSync(at()) && read(`${at()}/cgroup.procs`) !== '');
  const groups = (key: string): { group: string; processes: number }[] =>
    JSON.parse(cg('--show', '--sort', key, '--json').stdout);
  const byProcesses = groups('processes').map(({ processes }) => processes);
  expect(byProcesses).toEqual(byProcesses.toSorted((x, y) => y - x));
  const names = groups('name').map(({ group }) => group);
  expect(names).toContain(path);
  expect(names).not.toContain(empty);
  expect(cg('--show', '--sort', 'memory').stdout).toMatch(/^GROUP +PROCESSES +MEMORY +OF +CPU +OF\n/);
  cg('--kill', path);
  await kept.ended;
});

test('--show PID names the groups, and who is in them', async (context) => {
  needs(context, 'root');
  const line = 'sleep 600 & sleep 601 & wait';
  const started = start(toolPath('cg-limit'), [
    '--cgroup',
    path,
    '--pids-limit',
    '9',
    '--',
    'sh',
    '-c',
    line,
  ]);
  const inside = () => (existsSync(at()) ? read(`${at()}/cgroup.procs`).split('\n') : []);
  await until('three run', () => inside().length === 3);
  const pid = inside()
    .map(Number)
    .toSorted((a, b) => a - b)[0]!;
  await until('they are executed', () => read(`/proc/${pid}/task/${pid}/children`).split(' ').length === 2);
  const shown = cg('--show', String(pid));
  expect(shown).toMatchObject({ status: 0, stderr: '' });
  expect(shown.stdout).toMatch(
    new RegExp(
      `^process ${pid}: 3 processes\n  ${path} \\([^)]*\\bpids\\b|^process ${pid}: 3 processes\n  ${path} \\([^)]*v2`,
    ),
  );
  expect(shown.stdout).toMatch(
    new RegExp(`\n +${pid} sh -c ${line}\n +\\d+ sleep 60[01]\n +\\d+ sleep 60[01]\nLIMIT ON `),
  );
  const { members } = JSON.parse(cg('--show', path, '--json').stdout) as {
    members: { pid: number; command: string }[];
  };
  expect(members.map(({ command }) => command).toSorted()).toEqual([
    `sh -c ${line}`,
    'sleep 600',
    'sleep 601',
  ]);
  cg('--kill', path);
  await started.ended;
});
