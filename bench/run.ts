/**
 * `pnpm bench [ROUNDS]`: starts of one container, ours beside the peers', interleaved in one
 * run. It reports; it is no test.
 *
 * With a hybrid cgroup host crun refuses to run, so everything happens in a mount namespace
 * of its own in which the unified hierarchy is unmounted; on other hosts that changes nothing.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBundle } from './bundle.ts';
import { type Contender, compile, type Measured, measure } from './measure.ts';

const bin = join(import.meta.dirname, '../dist/bin');
const inside = 'CTR_BENCH_INSIDE';

if (process.env[inside] === undefined) {
  const script = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"';
  const argv = [
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    script,
    'sh',
    process.execPath,
    ...process.argv.slice(1),
  ];
  const { status } = spawnSync('unshare', argv, { stdio: 'inherit', env: { ...process.env, [inside]: '1' } });
  process.exit(status ?? 1);
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
  const root = `${bundle}/rootfs`;
  const ctrRun = `${bin}/ctr-run`;
  const stored = `${at}/plan`;
  execFileSync(ctrRun, ['plan', '--output', stored, '--bundle', bundle, 'bench-stored']);
  const floor = compile('floor.c', at, ['-static']);
  const contenders: Contender[] = [
    { name: 'the command itself', argv: [`${root}/bin/true`] },
    { name: 'floor (bare C)', argv: [floor, root, 'ctr-bench-floor', '/bin/true'] },
    { name: 'ctr-launcher --plan', argv: [`${bin}/ctr-launcher`, '--plan', stored] },
    { name: 'ctr-run run', argv: [ctrRun, 'run', '--bundle', bundle, 'bench-ours'] },
    { name: 'runc run', argv: ['runc', 'run', '--bundle', bundle, 'bench-runc'] },
    { name: 'crun run', argv: ['crun', 'run', '--bundle', bundle, 'bench-crun'] },
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
    ({ name, argv }) => installed(argv[0]!) || say(`${name}: not installed, left out`),
  );
  return measure(there, rounds, 3, at);
}

function installed(program: string): boolean {
  if (program.includes('/')) return existsSync(program);
  return (process.env.PATH ?? '').split(':').some((dir) => existsSync(join(dir, program)));
}

function say(text: string): false {
  process.stderr.write(`${text}\n`);
  return false;
}

function report(results: readonly Measured[]): void {
  const median = (name: string): number | undefined => results.find((r) => r.name === name)?.median;
  const width = Math.max(...results.map((r) => r.name.length));
  process.stdout.write(`${'start to end of one container'.padEnd(width)}  median ms  best ms  runs\n`);
  for (const r of results) {
    process.stdout.write(
      `${r.name.padEnd(width)}  ${r.median.toFixed(2).padStart(9)}  ${r.best.toFixed(2).padStart(7)}  ${r.runs}\n`,
    );
  }
  const ratios: [string, string, string][] = [
    ['ctr-run run', 'runc run', 'at most 1.5'],
    ['ctr-launcher --plan', 'bwrap', 'at most 0.8'],
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
