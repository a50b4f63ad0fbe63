/**
 * `node bench/commands.ts [ROUNDS]`: the commands that engines call, beside runc and crun, as root.
 * With the bundle of `runc spec`, with engines' filter, and where systemd is PID 1 with
 * `--systemd-cgroup` too. In each round every runtime makes a container of its own and each of its commands is
 * timed as a whole process.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBundle, withFilter } from './bundle.ts';
import { type Contender, type Measured, measure } from './measure.ts';
import { type Aim, report } from './results.ts';
import { eachView } from './view.ts';

// systemd is asked on sockets in /run, so its road is measured with the machine's own.
const systemd = existsSync('/run/systemd/private');
if (!systemd) eachView(1);
const rounds = Number(process.argv[2] ?? 20);
const directory = mkdtempSync(join(tmpdir(), 'ctr-commands-'));
const bin = join(import.meta.dirname, '../dist/bin');
const runtimes: Record<string, string> = { 'ctr-run': `${bin}/ctr-run`, runc: 'runc', crun: 'crun' };

/** The life of a container as an engine calls it; `await-stop` is between what is timed. */
function life(name: string, flags: readonly string[], bundle: string): Contender[] {
  const head = [runtimes[name]!, '--root', join(directory, name), ...flags];
  const id = `bench-${name}-@@`;
  const call = (command: string, ...words: string[]): Contender => ({
    name: `${name} ${command}`,
    argv: [...head, command, ...words],
  });
  const stopped = `while "$@" state ${id} | grep -q '"status": "running"'; do :; done`;
  return [
    call('create', '--bundle', bundle, id),
    call('start', id),
    call('state', id),
    call('exec', id, '/bin/true'),
    call('kill', id, 'KILL'),
    { name: 'until it is stopped', argv: ['sh', '-c', stopped, 'sh', ...head], untold: true },
    call('delete', id),
  ];
}

/** Whether a runtime can make this container here at all; if not, why. */
function able(name: string, flags: readonly string[], bundle: string): boolean {
  const call = (...words: string[]) =>
    spawnSync(runtimes[name]!, ['--root', join(directory, name), ...flags, ...words], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  const { status } = call('create', '--bundle', bundle, 'bench-probe');
  call('delete', '--force', 'bench-probe');
  if (status !== 0) process.stdout.write(`${name} is left out\n`);
  return status === 0;
}

/** create, start and delete together have a row of their own. */
function together(rows: readonly Measured[], name: string): Measured {
  const parts = ['create', 'start', 'delete'].map(
    (command) => rows.find((row) => row.name === `${name} ${command}`)!,
  );
  const sum = (of: (row: Measured) => number): number => parts.reduce((total, row) => total + of(row), 0);
  return {
    name: `${name} create+start+delete`,
    median: sum((row) => row.median),
    best: sum((row) => row.best),
    cpu: sum((row) => row.cpu),
    peak: Math.max(...parts.map((row) => row.peak)),
    runs: parts[0]!.runs,
  };
}

const aims: Aim[] = [
  { ours: 'ctr-run create', theirs: 'runc create', atMost: 0.6 },
  { ours: 'ctr-run exec', theirs: 'runc exec', atMost: 0.45 },
  { ours: 'ctr-run exec', theirs: 'crun exec', atMost: 1.3 },
  ...['state', 'kill', 'start', 'delete'].map((command) => ({
    ours: `ctr-run ${command}`,
    theirs: `crun ${command}`,
    atMost: 1.2,
  })),
  { ours: 'ctr-run create+start+delete', theirs: 'runc create+start+delete', of: 'cpu', atMost: 0.6 },
  { ours: 'ctr-run exec', theirs: 'runc exec', of: 'cpu', atMost: 0.6 },
];

try {
  const plain = makeBundle(directory, ['/bin/sleep', '100000'], ['sleep', 'true']);
  const filtered = withFilter(plain, join(directory, 'filtered'), `${bin}/seccomp-load`);
  const roads: [string, string, string[], string][] = [
    ['commands', 'the bundle of runc spec', [], plain],
    ['commands-filtered', 'with engines’ filter', [], filtered],
  ];
  if (systemd) roads.push(['commands-systemd', 'with --systemd-cgroup', ['--systemd-cgroup'], plain]);
  for (const [file, view, flags, bundle] of roads) {
    const taking = Object.keys(runtimes).filter((name) => able(name, flags, bundle));
    const lives = taking.map((name) => life(name, flags, bundle));
    const rows = measure(
      lives[0]!.flatMap((_, i) => lives.map((each) => each[i]!)),
      rounds,
      2,
      directory,
    );
    report(file, 'one command', view, [...rows, ...taking.map((name) => together(rows, name))], aims);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
