/** `ctr-run inspect` on processes that run: what is open is what an attacker can indeed use. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { capabilityNames } from '@ctr-tools/sys/constants';
import { expect, onTestFinished, test } from 'vitest';
import {
  bin,
  killOne,
  needs,
  run,
  runTool,
  start,
  tempDir,
  toolEnv,
  until,
} from '../../../../test/support.ts';
import { busybox, ctrLeaving, makeBundle, testId } from '../bundles.ts';
import { hostile } from './recorded.ts';

const inspect = (...argv: string[]) => runTool('ctr-run', ['inspect', ...argv]);

interface Document {
  pid: number;
  openings: { id: string; weight: number; where: string[] }[];
  weight: number;
  capabilities: { effective: string[] };
  namespaces: { type: string; ofPid1: boolean; others: { count: number; some: { pid: number }[] } }[];
  unseen: { what: string }[];
  command: string;
  name: string;
  noNewPrivileges: boolean;
}
const documentOf = (word: string): Document => JSON.parse(inspect(word, '--json').stdout) as Document;
const ids = ({ openings }: Document): string[] => openings.map(({ id }) => id);

/** A container that sleeps, and ends with the test. */
function container(change: (spec: Spec) => void = () => {}, argv: readonly string[] = []): string {
  const id = testId();
  const bundle = makeBundle(['/bin/sleep', '1000'], change);
  expect(ctrLeaving('run', '--detach', '--bundle', bundle, ...argv, id)).toMatchObject({ status: 0 });
  onTestFinished(() => void runTool('ctr-run', ['delete', '--force', id]));
  return id;
}

/** Its namespaces all its own, no capability, a filter, limits. */
function tight(spec: Spec): void {
  spec.process!.user = { uid: 1000, gid: 1000 };
  spec.process!.noNewPrivileges = true;
  spec.process!.capabilities = { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] };
  spec.root!.readonly = true;
  spec.linux!.seccomp = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['ptrace'], action: 'SCMP_ACT_ERRNO' }],
  };
  spec.linux!.resources = {
    memory: { limit: 64 << 20 },
    pids: { limit: 50 },
    cpu: { quota: 50_000, period: 100_000 },
  };
}

/** As `docker run --privileged --pid host --net host -v /:/host` makes it. */
function loose(spec: Spec): void {
  const own = readFileSync('/proc/self/status', 'utf8');
  const mask = BigInt(`0x${/^CapBnd:\s+(\w+)/m.exec(own)![1]}`);
  const all = capabilityNames.filter((_, n) => (mask >> BigInt(n)) & 1n);
  spec.process!.noNewPrivileges = false;
  spec.process!.capabilities = { bounding: [...all], effective: [...all], permitted: [...all] };
  spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => !['pid', 'network'].includes(type));
  spec.linux!.maskedPaths = [];
  spec.linux!.readonlyPaths = [];
  spec.mounts!.push({ destination: '/host', type: 'bind', source: '/', options: ['rbind', 'rw'] });
  delete spec.linux!.seccomp;
}

test('a tight container is tight, and a loose one open at each place that was opened', (context) => {
  needs(context, 'root');
  const [one, two] = [documentOf(container(tight)), documentOf(container(loose))];
  expect(one.weight).toBeLessThanOrEqual(20);
  expect(ids(one)).not.toContain('no-filter');
  expect(one.namespaces.filter(({ ofPid1 }) => !ofPid1).map(({ type }) => type)).toEqual(
    expect.arrayContaining(['ipc', 'mnt', 'net', 'pid', 'uts']),
  );
  expect(one.capabilities.effective).toEqual([]);
  expect(two.weight).toBeGreaterThan(120);
  expect(ids(two)).toEqual(
    expect.arrayContaining([
      'pid-namespace',
      'net-namespace',
      'user-namespace',
      'host-root',
      'host-root-bind',
      'no-new-privs',
      'no-filter',
      'proc-sys',
      'cap-sys_admin',
      'cap-net_admin',
      'no-memory-limit',
    ]),
  );
});

test('what is said to be open is open: the root of the machine through a bind', (context) => {
  needs(context, 'root');
  const secret = `${tempDir('secret')}/text`;
  writeFileSync(secret, 'of the machine');
  const id = container(loose);
  expect(runTool('ctr-run', ['exec', id, '/bin/cat', `/host${secret}`]).stdout).toBe('of the machine');
  expect(documentOf(id).openings.find((o) => o.id === 'host-root-bind')!.where).toEqual(['/host (/)']);
});

test('a sum above --at-most is exit 1, and one below 0', (context) => {
  needs(context, 'root');
  const id = container(loose);
  const { weight } = documentOf(id);
  expect(inspect(id, '--at-most', String(weight)).status).toBe(0);
  expect(inspect(id, '--at-most', String(weight - 1)).status).toBe(1);
  const picture = `${tempDir('svg')}/x.svg`;
  expect(inspect(id, '--at-most', '0', '--svg', picture).status).toBe(1);
  expect(readFileSync(picture, 'utf8')).toMatch(/^<svg /);
});

test('a descriptor of a directory outside leads there, and is told (CVE-2024-21626)', (context) => {
  needs(context, 'root');
  const directory = tempDir('leaked');
  writeFileSync(`${directory}/file`, 'of the machine');
  const id = testId();
  const bundle = makeBundle(['/bin/sleep', '1000']);
  const fd = openSync(directory, 'r');
  const log = openSync(`${directory}/log`, 'w');
  const { status } = spawnSync(
    `${bin}/ctr-run`,
    ['run', '--detach', '--preserve-fds', '1', '--bundle', bundle, id],
    {
      stdio: ['ignore', log, log, fd],
    },
  );
  closeSync(fd);
  closeSync(log);
  onTestFinished(() => void runTool('ctr-run', ['delete', '--force', id]));
  expect(status).toBe(0);
  const { pid, openings } = documentOf(id);
  expect(readFileSync(`/proc/${pid}/fd/3/file`, 'utf8')).toBe('of the machine');
  expect(openings.find((o) => o.id === 'directory-outside')!.where).toEqual([`3 ${directory}`]);
  expect(ids(documentOf(container()))).not.toContain('directory-outside');
});

test('a process of nobody’s making is told by its PID, and what it shares by name', (context) => {
  needs(context, 'root');
  const { pid } = start('/bin/sleep', ['1000']).child;
  const shown = inspect(String(pid));
  expect(shown).toMatchObject({ status: 0, stderr: '' });
  expect(shown.stdout).toMatch(new RegExp(`^PID ${pid}: /bin/sleep 1000; it has run for `));
  expect(shown.stdout).toMatch(/\nNAMESPACES {4}PID 1's: cgroup ipc mnt net pid time user uts\n/);
  expect(ids(documentOf(String(pid)))).toContain('mount-namespace');
});

test('who shares a namespace is named', (context) => {
  needs(context, 'root');
  const id = container(tight);
  expect(ctrLeaving('exec', '--detach', id, '/bin/sleep', '999').status).toBe(0);
  const found = documentOf(id).namespaces.find(({ type }) => type === 'mnt')!;
  expect(found.others.count).toBe(1);
  expect(readFileSync(`/proc/${found.others.some[0]!.pid}/cmdline`, 'utf8')).toContain('999');
});

test('an ordinary user sees of another’s process what /proc lets it, and is told the rest', (context) => {
  needs(context, 'root');
  const { pid } = start('/bin/sleep', ['1000']).child;
  const ended = run(`${bin}/ctr-run`, ['inspect', String(pid)], { uid: 65534, gid: 65534, cwd: '/' });
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  expect(ended.stdout).toContain('NAMESPACES    not to be seen');
  expect(ended.stdout).toMatch(/\nNOT SEEN {6}namespaces: only its own user and root may look\n/);
  expect(ended.stdout).toMatch(/; what was not seen does not\s+count\n/);
  const own = run(`${bin}/ctr-run`, ['inspect', 'self', '--json'], { uid: 65534, gid: 65534, cwd: '/' });
  expect(own.status).toBe(0);
});

test('names with commands for terminals and browsers are told in letters', async (context) => {
  needs(context, 'root');
  const file = `${tempDir('hostile')}/\x1b]0;x\x07<b>`;
  copyFileSync(busybox, file);
  execFileSync('chmod', ['755', file]);
  const { pid } = spawn(file, ['1000'], { argv0: 'sleep', stdio: 'ignore' });
  onTestFinished(() => killOne(pid!));
  await until('it runs', () => readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('\x1b'));
  const other = spawn('/bin/sh', ['-c', 'exec sleep 1000', hostile, hostile], { stdio: 'ignore' });
  onTestFinished(() => killOne(other.pid!));
  for (const argv of [[], ['--all'], ['--json'], ['--svg', '-']])
    for (const one of [pid, other.pid]) {
      const shown = inspect(String(one), ...argv).stdout;
      expect(shown.length).toBeGreaterThan(100);
      expect(shown).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]/);
      if (argv[0] === '--svg') expect(shown).not.toContain('<b>');
    }
  expect(documentOf(String(pid)).name).toBe('\x1b]0;x\x07<b>');
}, 60_000);

test('a zombie is said to be one, and a process that is not there a failure in a line', async (context) => {
  needs(context, 'root');
  const parent = start('/bin/sh', ['-c', 'sleep 0 & echo $!; exec sleep 1000']).child;
  const child = await new Promise<string>((done) =>
    parent.stdout!.once('data', (text) => done(String(text).trim())),
  );
  await until('it ended', () => / Z /.test(readFileSync(`/proc/${child}/stat`, 'utf8')));
  const shown = inspect(child);
  expect(shown).toMatchObject({ status: 0, stderr: '' });
  expect(shown.stdout).toContain('It is a zombie: it has ended, and its parent has not asked');
  const gone = inspect('4194303');
  expect(gone.stderr).toBe('ctr-run: look at process 4194303: there is no such process, or it has ended\n');
  expect(gone.status).toBe(125);
  expect(inspect('ctr-test-nobody')).toMatchObject({
    status: 125,
    stderr: expect.stringContaining('does not exist'),
  });
});

test('looking at processes that come and go is never an error', (context) => {
  needs(context, 'root');
  const script = `i=0; while [ $i -lt 20 ]; do sleep 0.0$((i % 10)) & ${bin}/ctr-run inspect $! >/dev/null 2>>$1; i=$((i+1)); done; wait`;
  const log = `${tempDir('log')}/errors`;
  expect(run('/bin/sh', ['-c', script, 'sh', log], { timeout: 60_000 }).status).toBe(0);
  const lines = readFileSync(log, 'utf8').split('\n').filter(Boolean);
  expect(
    lines.filter(
      (line) => !/^ctr-run: look at process \d+: there is no such process, or it has ended$/.test(line),
    ),
  ).toEqual([]);
}, 90_000);

test('what runs is compared with what was asked, and a changed limit is told', (context) => {
  needs(context, 'root');
  const id = testId();
  const bundle = makeBundle(['/bin/sleep', '1000'], tight);
  expect(ctrLeaving('run', '--detach', '--bundle', bundle, id).status).toBe(0);
  onTestFinished(() => void runTool('ctr-run', ['delete', '--force', id]));
  expect(inspect(id, '--against', bundle)).toMatchObject({
    stdout: 'no difference in what was compared\n',
    status: 0,
  });
  expect(runTool('ctr-run', ['update', '--memory', '128M', id]).status).toBe(0);
  const changed = inspect(id, '--against', `${bundle}/config.json`, '--json');
  expect(JSON.parse(changed.stdout)).toEqual({
    differences: [{ what: 'linux.resources.memory.limit', a: String(64 << 20), b: String(128 << 20) }],
  });
  expect(changed.status).toBe(1);
});

test('each way in which a config.json asks for something else is told', (context) => {
  needs(context, 'root');
  const id = container(tight);
  const asked = makeBundle(['/bin/sleep', '1000'], (spec) => {
    tight(spec);
    spec.process!.user = { uid: 7, gid: 7 };
    spec.process!.noNewPrivileges = false;
    spec.process!.oomScoreAdj = 77;
    spec.process!.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 77, hard: 78 }];
    spec.process!.capabilities!.bounding = ['CAP_KILL'];
    spec.root!.readonly = false;
    spec.mounts!.push({ destination: '/data', type: 'tmpfs', source: 'tmpfs' });
    spec.linux!.maskedPaths = ['/proc/version'];
    spec.linux!.readonlyPaths = ['/proc/self'];
    spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== 'uts');
    delete spec.hostname;
    spec.linux!.resources = { memory: { limit: 32 << 20 }, pids: { limit: 7 }, cpu: { quota: 10_000 } };
    delete spec.linux!.seccomp;
  });
  const { differences } = JSON.parse(inspect(id, '--against', asked, '--json').stdout) as {
    differences: { what: string; a: string; b: string }[];
  };
  expect(differences.map(({ what }) => what)).toEqual([
    'linux.namespaces, uts',
    'process.user',
    'process.noNewPrivileges',
    'process.oomScoreAdj',
    'linux.seccomp',
    'process.capabilities.bounding',
    'process.rlimits, RLIMIT_NOFILE',
    'root.readonly',
    'mounts, /data',
    'linux.maskedPaths',
    'linux.readonlyPaths',
    'linux.resources.memory.limit',
    'linux.resources.pids.limit',
    'linux.resources.cpu.quota, in CPUs',
  ]);
});

test('two processes are compared', (context) => {
  needs(context, 'root');
  const [one, two] = [container(tight), container(loose)];
  const ended = inspect(one, two);
  expect(ended.status).toBe(1);
  expect(ended.stdout).toMatch(/^WHAT +ctr-test\S+ +ctr-test\S+\n/);
  expect(ended.stdout).toMatch(/^net namespace +its own \(\d+\) +PID 1's \(\d+\)$/m);
  expect(ended.stdout).toMatch(/^weight +\d+ +\d+$/m);
  expect(inspect(one, one)).toMatchObject({ status: 0, stdout: 'no difference in what was compared\n' });
});

test('on a terminal there is colour, not with NO_COLOR, and lines are as wide as it is', (context) => {
  needs(context, 'root', 'command:script');
  const shownAt = (columns: number, env = {}): string =>
    run('script', ['-qec', `stty cols ${columns}; ${bin}/ctr-run inspect self --all`, '/dev/null'], {
      // Empty is not set (no-color.org).
      env: toolEnv({ TERM: 'xterm', NO_COLOR: '', ...env }),
    }).stdout;
  for (const columns of [80, 200]) {
    const shown = shownAt(columns);
    expect(shown).toContain('\x1b[1mNAMESPACES\x1b[22m');
    const lines = shown.replace(/\x1b\[[\d;]*m|\r/g, '').split('\n');
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(columns);
  }
  expect(shownAt(80, { NO_COLOR: '1' })).not.toContain('\x1b[1m');
});

test('what its filters answer is told to who asks', (context) => {
  needs(context, 'root');
  const id = container(tight);
  const shown = inspect(id, '--filters');
  expect(shown).toMatchObject({ status: 0, stderr: '' });
  // Who may not read them, for it is under a filter itself or lacks a capability, is told so.
  expect(shown.stdout.replace(/\s+/g, ' ')).toMatch(
    /FILTER 1 filter (of \d+ calls of x86_64 \d+ are permitted|the filters cannot be read)/,
  );
  expect(inspect(id).stdout).not.toContain('are permitted');
});

test('the table of openings needs no process, and flags that do not go together are refused', () => {
  const table = inspect('--openings');
  expect(table.status).toBe(0);
  expect(table.stdout.split('\n').length).toBeGreaterThan(60);
  for (const argv of [
    [],
    ['1', '1', '--at-most', '3'],
    ['1', '--json', '--svg', 'x'],
    ['1', '--openings'],
    ['self', '--at-most', 'x'],
  ])
    expect(inspect(...argv)).toMatchObject({ status: 125, stdout: '' });
});
