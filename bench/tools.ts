/**
 * `node bench/tools.ts [ROUNDS]`: what a tool costs that only sets its own process up, beside the
 * program of the system that does the same: the first time, with the planner, and again, by the plan
 * that was kept (docs/architecture.md). Interleaved in one run; it reports, and is no test.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Contender, measure } from './measure.ts';

const bin = join(import.meta.dirname, '../dist/bin');
const rounds = Number(process.argv[2] ?? 40);
const at = mkdtempSync(join(tmpdir(), 'ctr-bench-'));

/** A state root in which plans are kept, and one in which none can be. */
function stateRoots(): { again: string; first: string } {
  const roots = { again: join(at, 'again'), first: join(at, 'first') };
  for (const root of Object.values(roots)) mkdirSync(root);
  writeFileSync(join(roots.first, '.plans'), '');
  return roots;
}

const ours: readonly string[] = [
  'caps-drop --all -- true',
  'ns-enter --new net,uts -- true',
  'seccomp-load default -- true',
  'cg-limit --pids-limit 64 -- true',
  'cg-limit --pids-limit 64 -- caps-drop --all -- seccomp-load default -- true',
];
const peers: readonly string[] = [
  'setpriv --bounding-set=-all --inh-caps=-all true',
  'unshare -n -u true',
  'true',
];

try {
  const roots = stateRoots();
  const line = (words: string, root: string): string[] =>
    ['env', `CTR_STATE_ROOT=${root}`, `${bin}/${words}`].flatMap((w) => w.split(' '));
  const contenders: Contender[] = [
    ...ours.flatMap((words) =>
      (['first', 'again'] as const).map((how) => ({
        name: `${words}  (${how})`,
        argv: line(words, roots[how]),
      })),
    ),
    // The same way there: env(1) costs a start of its own.
    ...peers.map((words) => ({ name: words, argv: ['env', 'X=1', ...words.split(' ')] })),
  ];
  const results = measure(contenders, rounds, 3, at);
  const width = Math.max(...results.map(({ name }) => name.length));
  process.stdout.write(`${'start to end'.padEnd(width)}  median ms  best ms\n`);
  for (const { name, median, best } of results)
    process.stdout.write(
      `${name.padEnd(width)}  ${median.toFixed(2).padStart(9)}  ${best.toFixed(2).padStart(7)}\n`,
    );
} finally {
  rmSync(at, { recursive: true, force: true });
}
