/**
 * `pnpm bench [ROUNDS]`: starts of one container, ours beside the peers', interleaved in one
 * run. It reports; it is no test.
 *
 * Everything happens in a mount namespace of its own, in which /run is a tmpfs, as systemd has it
 * everywhere. There are two views of the machine's cgroups, one after the other: as they are
 * (with a hybrid host's unified hierarchy unmounted, which crun refuses to see), and cgroup v2
 * alone, which is one group where v1 is ten.
 *
 * Every start is a first one: nothing of an earlier start is used again.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBundle, withFilter } from './bundle.ts';
import { type Contender, compile, type Measured, measure } from './measure.ts';

const bin = join(import.meta.dirname, '../dist/bin');
const inside = 'CTR_BENCH_VIEW';
const views: Record<string, string> = {
  'cgroups as they are': 'umount /sys/fs/cgroup/unified 2>/dev/null',
  'cgroup v2 alone': '{ umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup; } 2>/dev/null',
};

const view = process.env[inside];
if (view === undefined) {
  const single = existsSync('/sys/fs/cgroup/cgroup.procs');
  for (const [name, change] of Object.entries(views).slice(0, single ? 1 : 2)) {
    const script = `${change}; mount -t tmpfs -o mode=755 run /run && exec "$@"`;
    const shell = ['sh', '-c', script, 'sh', process.execPath, ...process.argv.slice(1)];
    const { status } = spawnSync('unshare', ['--mount', '--propagation', 'private', ...shell], {
      stdio: 'inherit',
      env: { ...process.env, [inside]: name },
    });
    if (status !== 0) process.exit(status ?? 1);
  }
  process.exit(0);
}

const rounds = Number(process.argv[2] ?? 40);
const directory = mkdtempSync(join(tmpdir(), 'ctr-bench-'));
try {
  report(starts(directory, rounds));
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** One start and end of a busybox `true`, by everybody who is installed. */
function starts(at: string, rounds: number): Measured[] {
  const bundle = makeBundle(at, ['/bin/true'], ['true']);
  const filtered = withFilter(bundle, `${at}/filtered`, `${bin}/seccomp-load`);
  const root = `${bundle}/rootfs`;
  const ctrRun = `${bin}/ctr-run`;
  const stored = `${at}/plan`;
  execFileSync(ctrRun, ['plan', '--output', stored, '--bundle', bundle, 'bench-stored']);
  const ours = (of: string) => [ctrRun, 'run', '--bundle', of, 'bench-ours'];
  const floor = compile('floor.c', at, ['-static']);
  const contenders: Contender[] = [
    { name: 'the command itself', argv: [`${root}/bin/true`] },
    { name: 'floor (bare C)', argv: [floor, root, 'ctr-bench-floor', '/bin/true'] },
    { name: 'ctr-launcher --plan', argv: [`${bin}/ctr-launcher`, '--plan', stored] },
    { name: 'its part, plan in hand', argv: [`<${stored}`, `${bin}/ctr-launcher`, '--plan', '-'] },
    { name: 'ctr-run run', argv: ours(bundle) },
    { name: 'runc run', argv: ['runc', 'run', '--bundle', bundle, 'bench-runc'] },
    { name: 'crun run', argv: ['crun', 'run', '--bundle', bundle, 'bench-crun'] },
    { name: 'ctr-run run, filtered', argv: ours(filtered) },
    { name: 'runc run, filtered', argv: ['runc', 'run', '--bundle', filtered, 'bench-runc'] },
    { name: 'crun run, filtered', argv: ['crun', 'run', '--bundle', filtered, 'bench-crun'] },
    {
      name: 'bwrap',
      argv: [
        'bwrap',
        '--ro-bind',
        root,
        '/',
        '--unshare-all',
        '--proc',
        '/proc',
        '--dev',
        '/dev',
        '/bin/true',
      ],
    },
    { name: 'unshare', argv: ['unshare', '-fmuinp', '--mount-proc', `${root}/bin/true`] },
  ];
  const there = contenders.filter(
    (contender) =>
      contender.argv[0]!.startsWith('<') ||
      ((installed(contender.argv[0]!) || say(`${contender.name}: not installed, left out`)) &&
        works(contender)),
  );
  return measure(there, rounds, 3, at);
}

function installed(program: string): boolean {
  if (program.includes('/')) return existsSync(program);
  return (process.env.PATH ?? '').split(':').some((dir) => existsSync(join(dir, program)));
}

/** crun, for one, cannot load its device filter without the right to raise RLIMIT_MEMLOCK. */
function works({ name, argv }: Contender): boolean {
  const { status, stderr } = spawnSync(argv[0]!, argv.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
  return status === 0 || say(`${name}: does not work here, left out: ${String(stderr).trim()}`);
}

function say(text: string): false {
  process.stderr.write(`${text}\n`);
  return false;
}

function report(results: readonly Measured[]): void {
  const median = (name: string): number | undefined => results.find((r) => r.name === name)?.median;
  const width = Math.max(...results.map((r) => r.name.length));
  process.stdout.write(
    `${view}\n${'start to end of one container'.padEnd(width)}  median ms  best ms  runs\n`,
  );
  for (const r of results) {
    process.stdout.write(
      `${r.name.padEnd(width)}  ${r.median.toFixed(2).padStart(9)}  ${r.best.toFixed(2).padStart(7)}  ${r.runs}\n`,
    );
  }
  const ratios: [string, string, string][] = [
    ['ctr-run run', 'runc run', 'at most 0.5'],
    ['ctr-run run', 'crun run', 'at most 1.35'],
    ['ctr-run run, filtered', 'runc run, filtered', 'at most 0.35'],
    ['ctr-run run, filtered', 'crun run, filtered', 'at most 0.6'],
    ['its part, plan in hand', 'bwrap', 'at most 0.8'],
    ['ctr-launcher --plan', 'bwrap', ''],
    ['floor (bare C)', 'bwrap', ''],
    ['ctr-launcher --plan', 'floor (bare C)', ''],
    ['ctr-launcher --plan', 'crun run', ''],
  ];
  for (const [ours, theirs, aim] of ratios) {
    const a = median(ours);
    const b = median(theirs);
    if (a === undefined || b === undefined) continue;
    process.stdout.write(`${ours} / ${theirs}: ${(a / b).toFixed(2)}${aim && ` (aim: ${aim})`}\n`);
  }
}
