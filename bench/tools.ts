/**
 * `node bench/tools.ts [ROUNDS]`: what a tool costs that only sets its own process up, beside the
 * program of the system that does the same. Interleaved in one run; it reports, and is not a test.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Contender, measure } from './measure.ts';

const bin = join(import.meta.dirname, '../dist/bin');
const rounds = Number(process.argv[2] ?? 40);
const at = mkdtempSync(join(tmpdir(), 'ctr-bench-'));

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
  const contenders: Contender[] = [
    ...ours.map((words) => ({ name: words, argv: `${bin}/${words}`.split(' ') })),
    ...peers.map((words) => ({ name: words, argv: words.split(' ') })),
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
