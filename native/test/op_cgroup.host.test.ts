import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, type TestContext, test } from 'vitest';
import { type AnyStep, slot } from '../../packages/plan/src/index.ts';
import { needs, skip, slower } from '../../test/support.ts';
import { launcher, plan, work } from './launcher.ts';
import { here, inside, op, sh } from './ops.ts';

/** Where each hierarchy is mounted: v2 and v1's, by controller. */
const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  .trim()
  .split('\n')
  .map((line) => {
    const [before, after] = line.split(' - ');
    const [type = '', , options = ''] = after!.split(' ');
    return { at: before!.split(' ')[4]!, type, options: options.split(',') };
  });
const v2 = mounts.find((m) => m.type === 'cgroup2')?.at;
const v1 = (controller: string): string | undefined =>
  mounts.find((m) => m.type === 'cgroup' && m.options.includes(controller))?.at;

/** Skip the test where one of these is mounted nowhere: `v2`, or a controller of v1. */
function needsMounted(context: TestContext, ...wanted: readonly string[]): void {
  for (const name of wanted) {
    if (name === 'v2' ? !v2 : !v1(name))
      skip(
        context,
        name === 'v2' ? 'no cgroup v2 is mounted' : `no ${name} hierarchy of cgroup v1 is mounted`,
      );
  }
}

const made: string[] = [];
function group(root: string): string {
  const path = join(root, `ctr-test-ops-${process.pid}-${made.length}`);
  mkdirSync(path);
  made.push(path);
  return path;
}

const started: ChildProcess[] = [];
/** A shell that enters the groups first. */
function enter(groups: string[], script: string): ChildProcess {
  const lines = groups.map((g) => `echo 0 >${g}/cgroup.procs`).join('; ');
  const child = spawn('sh', ['-c', `${lines}; ${script}`], { stdio: 'ignore' });
  started.push(child);
  return child;
}
const procs = (path: string): string[] =>
  readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
async function until(what: () => boolean): Promise<void> {
  for (let i = 0; !what(); i++) {
    if (i > 500 * slower) throw new Error('it never came');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

afterEach(async () => {
  for (const path of made.splice(0)) {
    if (existsSync(path)) {
      here([op('cgroup_kill', { path }), op('cgroup_remove', { path, timeout: 5000 })]);
      if (existsSync(path)) rmdirSync(path);
    }
  }
  for (const child of started.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
});

const kill = (path: string) => here([op('cgroup_kill', { path })]);

test('v2: cgroup.kill empties a group and those below', async (context) => {
  needsMounted(context, 'v2');
  const path = group(v2!);
  mkdirSync(join(path, 'below'));
  enter([path], 'sleep 1000 & sleep 1000');
  enter([join(path, 'below')], 'trap "" TERM; sleep 1000; sleep 1000');
  await until(() => procs(path).length >= 2 && procs(join(path, 'below')).length >= 2);
  const { status, stderr } = kill(path);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect([procs(path), procs(join(path, 'below'))]).toEqual([[], []]);
});

/**
 * Each process starts two and ends, again and again while the limit is reached: who reads the list
 * is always late. A reaper outside of the groups takes the dead, which init might be slow to.
 */
const bomb = `
import ctypes, os, sys, time
ctypes.CDLL(None).prctl(36, 1)
if not os.fork():
    for group in sys.argv[1:]: open(group + "/cgroup.procs", "w").write("0")
    born = 0
    while born < 2:
        try: born = born + 1 if os.fork() else 0
        except OSError: time.sleep(.001)
    os._exit(0)
try:
    while True: os.wait()
except ChildProcessError: pass
`;
function explode(...groups: string[]): ChildProcess {
  const child = spawn('python3', ['-c', bomb, ...groups], { stdio: 'ignore' });
  started.push(child);
  return child;
}

/** How many processes a fork bomb may have: each takes its time to die. */
const crowd = slower > 1 ? 12 : 60;

const over = (child: ChildProcess): Promise<void> => until(() => child.exitCode !== null);

test('v1: the freezer stops a fork bomb', async (context) => {
  needsMounted(context, 'freezer', 'pids');
  const [freezer, pids] = [group(v1('freezer')!), group(v1('pids')!)];
  writeFileSync(join(pids, 'pids.max'), `${crowd}`);
  mkdirSync(join(freezer, 'below'));
  enter([freezer], 'sleep 1000');
  const reaper = explode(pids, join(freezer, 'below'));
  await until(() => procs(pids).length > crowd / 3);
  const { status, stderr } = kill(freezer);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(procs(join(freezer, 'below'))).toEqual([]);
  await over(reaper);
  expect(readFileSync(join(freezer, 'freezer.state'), 'utf8')).toBe('THAWED\n');
});

test('v1: processes are frozen before the list of them is read, each time', async (context) => {
  needs(context, 'command:strace');
  needsMounted(context, 'freezer');
  const freezer = group(v1('freezer')!);
  enter([freezer], 'sleep 1000');
  await until(() => procs(freezer).length > 0);
  const calls = join(work, 'calls');
  const stored = plan([[op('cgroup_kill', { path: freezer })]]);
  const { status } = spawnSync('strace', [
    '-f',
    '-o',
    calls,
    '-e',
    'trace=write,kill',
    launcher,
    '--plan',
    stored,
  ]);
  expect(status).toBe(0);
  const order = readFileSync(calls, 'utf8').match(/FROZEN|THAWED|kill(?=\(\d+, SIGKILL\) += 0)/g);
  expect(order?.join(' ')).toMatch(/^FROZEN (kill )+THAWED/);
});

test('v1: without a freezer pids.max stops a fork bomb, and is as before afterwards', async (context) => {
  needsMounted(context, 'pids');
  const pids = group(v1('pids')!);
  writeFileSync(join(pids, 'pids.max'), `${crowd}`);
  const reaper = explode(pids);
  await until(() => procs(pids).length > crowd / 3);
  const { status, stderr } = kill(pids);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(procs(pids)).toEqual([]);
  await over(reaper);
  expect(readFileSync(join(pids, 'pids.max'), 'utf8')).toBe(`${crowd}\n`);
});

test('v1: frozen processes die as well', async (context) => {
  needsMounted(context, 'freezer');
  const freezer = group(v1('freezer')!);
  enter([freezer], 'sleep 1000');
  await until(() => procs(freezer).length > 0);
  writeFileSync(join(freezer, 'freezer.state'), 'FROZEN');
  expect(kill(freezer).status).toBe(0);
  expect(procs(freezer)).toEqual([]);
});

for (const [kind, name] of [
  ['v1 with a freezer', 'freezer'],
  ['v1 without', 'pids'],
  ['v2', 'v2'],
] as const)
  test(`who is in the group itself stays, and nothing stays frozen: ${kind}`, async (context) => {
    needsMounted(context, name);
    const root = name === 'v2' ? v2 : v1(name);
    const path = group(root!);
    mkdirSync(join(path, 'below'));
    enter([path], 'sleep 1000');
    enter([join(path, 'below')], 'sleep 1000');
    await until(() => procs(path).length > 0 && procs(join(path, 'below')).length > 0);
    const { status, stdout } = here([
      op('write', { path: join(path, 'below/cgroup.procs'), data: '0' }),
      op('cgroup_kill', { path }),
      op('write', { path: join(root!, 'cgroup.procs'), data: '0' }),
      sh('echo alive'),
    ]);
    expect([status, stdout]).toEqual([0, 'alive\n']);
    expect([procs(path), procs(join(path, 'below'))]).toEqual([[], []]);
    const state = join(path, 'below/freezer.state');
    if (existsSync(state)) expect(readFileSync(state, 'utf8')).toBe('THAWED\n');
  });

test('a process that our PID namespace does not show, which is 0 in the list, is not our own group', async (context) => {
  needsMounted(context, 'v2');
  const path = group(v2!);
  enter([path], 'exec sleep 1000');
  await until(() => procs(path).length === 1);
  const groups = [path];
  const signal = op('cgroup_signal', { groups, signal: constants.signals.SIGTERM, but: -1 });
  // Read-only it is emptied by its list; and what kill(0) would end is a process group of its own (kill(2)).
  const { status, stdout } = inside(
    [op('cgroup_kill', { path }), signal, sh('echo alive')],
    '--mount --pid --fork',
    `mount -o remount,bind,ro ${v2} && setsid --wait "$L" --plan "$P"; exit $?`,
  );
  expect([status, stdout]).toEqual([0, 'alive\n']);
  expect(procs(path)).toHaveLength(1);
});

test('cgroup_signal tells each process once, whatever groups it is in and however late it is born', async (context) => {
  needsMounted(context, 'freezer', 'pids');
  const groups = [group(v1('freezer')!), group(v1('pids')!)];
  const heard = join(groups[1]!, '..', 'none');
  mkdirSync(join(groups[0]!, 'below'));
  // Each line that a process writes is one signal that it got.
  const out = join(work, `heard-${process.pid}`);
  const listen = `trap 'echo x >> ${out}' USR1; while :; do sleep 0.02; done`;
  enter(groups, listen);
  enter([join(groups[0]!, 'below')], listen);
  const spared = enter(groups, listen);
  await until(() => procs(groups[1]!).length >= 2 && procs(join(groups[0]!, 'below')).length >= 1);
  const signal = (but: number) =>
    here([op('cgroup_signal', { groups: [...groups, heard], signal: constants.signals.SIGUSR1, but })]);
  expect(signal(spared.pid!)).toMatchObject({ status: 0, stderr: '' });
  const lines = () => (existsSync(out) ? readFileSync(out, 'utf8').length / 2 : 0);
  await until(() => lines() === 2);
  await new Promise((resolve) => setTimeout(resolve, 200 * slower));
  expect(lines()).toBe(2);
});

test('end_process ends the process that is meant, waits for its end, and hits no other', async () => {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  started.push(child);
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  const end = (startTime: number, timeout: number) =>
    here([op('end_process', { pid: child.pid!, ticks: startTime, timeout })]);
  expect(end(ticks + 1, 1000)).toMatchObject({ status: 0, stderr: '' });
  expect(readFileSync(`/proc/${child.pid}/stat`, 'utf8')).toMatch(/\) S /);
  expect(end(ticks, 1000)).toMatchObject({ status: 0, stderr: '' });
  expect(existsSync(`/proc/${child.pid}/exe`)).toBe(false);
  await until(() => child.signalCode === 'SIGKILL');
  expect(end(ticks, 1000)).toMatchObject({ status: 0, stderr: '' });
  expect(here([op('end_process', { pid: 0, ticks: -1, timeout: 0 })]).status).toBe(125);
});

test('a group that is not there is dead already, and removed', () => {
  const path = join(v2 ?? v1('pids')!, 'ctr-test-ops-none');
  expect(here([op('cgroup_kill', { path }), op('cgroup_remove', { path, timeout: 0 })]).status).toBe(0);
});

test('cgroup_remove removes a tree', () => {
  const path = group(v2 ?? v1('pids')!);
  mkdirSync(join(path, 'a/b/c'), { recursive: true });
  mkdirSync(join(path, 'd'));
  expect(here([op('cgroup_remove', { path, timeout: 0 })]).stderr).toBe('');
  expect(existsSync(path)).toBe(false);
});

test('cgroup_remove waits for a process to be gone, as long as it was told', async () => {
  const path = group(v2 ?? v1('pids')!);
  mkdirSync(join(path, 'a'));
  enter([join(path, 'a')], 'sleep 0.4');
  await until(() => procs(join(path, 'a')).length > 0);
  const { status, stderr } = here([op('cgroup_remove', { path, timeout: 50 })]);
  expect(status).toBe(125);
  expect(stderr).toMatch(/still in it/);
  expect(here([op('cgroup_remove', { path, timeout: 5000 })]).status).toBe(0);
  expect(readdirSync(join(path, '..'))).not.toContain(path.split('/').at(-1));
});

/** struct bpf_insn: code, registers, off, imm */
const insn = (code: number, registers: number, off: number, imm: number): Buffer => {
  const b = Buffer.alloc(8);
  b.writeUInt8(code);
  b.writeUInt8(registers, 1);
  b.writeInt16LE(off, 2);
  b.writeInt32LE(imm, 4);
  return b;
};
/** r0 = 0; if the minor number is not `minor`, r0 = 1; exit: everything is allowed but that. */
const deny = (minor: number): Buffer =>
  Buffer.concat([
    insn(0x61, 0x12, 8, 0),
    insn(0xb7, 0, 0, 0),
    insn(0x15, 0x02, 1, minor),
    insn(0xb7, 0, 0, 1),
    insn(0x95, 0, 0, 0),
  ]);

test('device_filter attaches a program, and replaces it', (context) => {
  needsMounted(context, 'v2');
  const path = group(v2!);
  const tried = (minor: number): string =>
    here([
      op('device_filter', { path, program: deny(minor) }),
      op('write', { path: join(path, 'cgroup.procs'), data: '0' }),
      sh('for d in null zero full; do head -c 0 /dev/$d 2>/dev/null && printf "$d "; done; true'),
    ]).stdout;
  expect(tried(5)).toBe('null full ');
  expect(tried(7)).toBe('null zero ');
  expect(tried(7)).toBe('null zero ');
});

test('device_filter attaches one beside it, each once, and the next that is not takes them all', (context) => {
  needsMounted(context, 'v2');
  const path = group(v2!);
  const too = (minor: number) => op('device_filter', { path, program: deny(minor), beside: 1 });
  // The kernel attaches 64 at most (BPF_CGROUP_MAX_PROGS).
  const often = Array.from({ length: 70 }, () => too(7));
  const tried = (...steps: AnyStep[]) =>
    here([
      ...steps,
      op('write', { path: join(path, 'cgroup.procs'), data: '0' }),
      sh('for d in null zero full; do head -c 0 /dev/$d 2>/dev/null && printf "$d "; done; true'),
    ]);
  expect(tried(op('device_filter', { path, program: deny(5) }), ...often)).toMatchObject({
    status: 0,
    stdout: 'null ',
  });
  expect(tried(op('device_filter', { path, program: deny(8) })).stdout).toBe('null zero full ');
});

test('a program that the verifier refuses says why', (context) => {
  needsMounted(context, 'v2');
  const path = group(v2!);
  const { status, stderr } = here([op('device_filter', { path, program: insn(0x95, 0, 0, 0) })]);
  expect(status).toBe(125);
  expect(stderr).toMatch(/R0 !read_ok/);
});

test('a group is held by a process that keeps nothing else, minds SIGKILL and SIGTERM alone, and goes with its starter', async (context) => {
  needsMounted(context, 'v2');
  const path = group(v2!);
  const held = { groups: [path], pid: slot('holder') };
  const signals = 'for s in HUP INT QUIT USR1 TSTP ALRM 34 64; do kill -$s $p || exit 8; done';
  const look = `p=$(cat ${path}/cgroup.procs); ${signals}; sleep 0.1; cat ${path}/cgroup.procs /proc/$p/stat; ls /proc/$p/fd`;
  // What it kept of ours would have us wait for it here.
  const { status, stdout, stderr } = here([op('cgroup_hold', held), sh(look)]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^(\d+)\n\1 \(.*\) S .*\n$/);
  await until(() => procs(path).length === 0);
  const ended = here([
    op('cgroup_hold', held),
    op('kill', { pid: slot('holder'), pidfd: -1, signal: 9 }),
    op('wait_child', { pid: slot('holder'), status: slot('status') }),
    sh(`cat ${path}/cgroup.procs`),
  ]);
  expect(ended).toMatchObject({ status: 0, stdout: '', stderr: '' });
  const absent = { ...held, groups: [path, `${path}/none`] };
  expect(here([op('cgroup_hold', absent), sh('echo not reached')])).toMatchObject({
    status: 125,
    stdout: '',
    stderr: expect.stringContaining('No such file or directory'),
  });
  expect(procs(path)).toEqual([]);
});
