/**
 * `pnpm bench [ROUNDS]`: starts of one container, ours beside the peers', interleaved in one
 * run. It reports; it is not a test.
 *
 * Every start is a first one: nothing of an earlier start is used again.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBundle, withFilter } from './bundle.ts';
import { type Contender, compile, type Measured, measure } from './measure.ts';
import { type Aim, report } from './results.ts';
import { eachView } from './view.ts';

const bin = join(import.meta.dirname, '../dist/bin');
const view = eachView();
const rounds = Number(process.argv[2] ?? 40);
const directory = mkdtempSync(join(tmpdir(), 'ctr-bench-'));
try {
  const file = view.includes('v2') ? 'start-v2' : 'start';
  report(file, 'start to end of one container', view, starts(directory, rounds), aims(view));
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** What a start is held to. */
function aims(view: string): Aim[] {
  return [
    { ours: 'ctr-run run', theirs: 'runc run', atMost: 0.5 },
    { ours: 'ctr-run run', theirs: 'crun run', atMost: 1.35 },
    { ours: 'ctr-run run, filtered', theirs: 'runc run, filtered', atMost: 0.35 },
    { ours: 'ctr-run run, filtered', theirs: 'crun run, filtered', atMost: 0.6 },
    { ours: 'its part, plan in hand', theirs: 'bwrap', atMost: view.includes('v2') ? 0.8 : 1 },
    { ours: 'ctr-run run', theirs: 'runc run', of: 'cpu' },
    { ours: 'floor (bare C)', theirs: 'bwrap' },
    { ours: 'ctr-launcher --plan', theirs: 'floor (bare C)' },
  ];
}

/** One start and end of a busybox `true`, by everybody who is installed. */
function starts(at: string, rounds: number): Measured[] {
  const bundle = makeBundle(at, ['/bin/true'], ['true']);
  const filtered = withFilter(bundle, `${at}/filtered`, `${bin}/seccomp-load`);
  const root = `${bundle}/rootfs`;
  const ctrRun = `${bin}/ctr-run`;
  const stored = `${at}/plan`;
  execFileSync(ctrRun, ['plan', '--output', stored, '--bundle', bundle, 'bench-stored']);
  const ours = (of: string) => [ctrRun, 'run', '--bundle', of, 'bench-ours-@@'];
  const floor = compile('floor.c', at, ['-static']);
  const contenders: Contender[] = [
    { name: 'the command itself', argv: [`${root}/bin/true`] },
    { name: 'floor (bare C)', argv: [floor, root, 'ctr-bench-floor', '/bin/true'] },
    { name: 'ctr-launcher --plan', argv: [`${bin}/ctr-launcher`, '--plan', stored] },
    { name: 'its part, plan in hand', argv: [`<${stored}`, `${bin}/ctr-launcher`, '--plan', '-'] },
    { name: 'ctr-run run', argv: ours(bundle) },
    { name: 'runc run', argv: ['runc', 'run', '--bundle', bundle, 'bench-runc-@@'] },
    { name: 'crun run', argv: ['crun', 'run', '--bundle', bundle, 'bench-crun-@@'] },
    { name: 'ctr-run run, filtered', argv: ours(filtered) },
    { name: 'runc run, filtered', argv: ['runc', 'run', '--bundle', filtered, 'bench-runc-@@'] },
    { name: 'crun run, filtered', argv: ['crun', 'run', '--bundle', filtered, 'bench-crun-@@'] },
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
  const words = argv.slice(1).map((word) => word.replaceAll('@@', 'probe'));
  const { status, stderr } = spawnSync(argv[0]!, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  return status === 0 || say(`${name}: does not work here, left out: ${String(stderr).trim()}`);
}

function say(text: string): false {
  process.stderr.write(`${text}\n`);
  return false;
}
