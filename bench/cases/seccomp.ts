/**
 * What a filter costs: the same profile (ours) compiled by us, and by libseccomp as runc has it
 * do (binary tree), and without; calls in a loop under each, in turn. And what compiling costs
 * in a planner that has just started.
 *
 *     node bench/cases/seccomp.ts [ROUNDS]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { compile } from '../../packages/seccomp-load/src/compiler.ts';
import { defaultProfile } from '../../packages/seccomp-load/src/default-profile.ts';
import { normalize } from '../../packages/seccomp-load/src/profile/normalize.ts';
import { select } from '../../packages/seccomp-load/src/profile/select.ts';
import { build, cleanUp, compileWithLibseccomp } from '../../packages/seccomp-load/test/libseccomp.ts';

const rounds = Number(process.argv[2] ?? 12);
const source = join(import.meta.dirname, '../../packages/seccomp-load/src');

/** Calls of one round; a cheap call needs many. */
const loops: Record<string, number> = {
  getppid: 200_000,
  read: 100_000,
  openat: 20_000,
  socket: 10_000,
  refused: 100_000,
  mix: 10_000,
};

/** Best of all rounds, in nanoseconds a call: what disturbs only ever adds. */
function calls(): void {
  const seccomp = select(defaultProfile(), { abi: 'x86_64', caps: new Set(), kernel: '6.18' });
  const filters: Record<string, Buffer> = {
    none: Buffer.alloc(0),
    ours: compile(normalize(seccomp, 'x86_64')),
    'libseccomp, tree': compileWithLibseccomp(seccomp, 2).bytes,
    libseccomp: compileWithLibseccomp(seccomp, 1).bytes,
  };
  const harness = build('harness');
  const names = Object.keys(filters);
  console.log(`${'ns a call'.padEnd(12)}${names.map((n) => n.padStart(18)).join('')}`);
  console.log(
    `${'instructions'.padEnd(12)}${names.map((n) => String(filters[n]!.length / 8).padStart(18)).join('')}`,
  );
  for (const [loop, count] of Object.entries(loops)) {
    const best = new Map(names.map((name) => [name, Number.POSITIVE_INFINITY]));
    for (let round = 0; round < rounds; round++)
      for (const name of names) {
        const done = spawnSync(harness, ['loop', loop, String(count)], { input: filters[name]! });
        best.set(name, Math.min(best.get(name)!, Number(done.stdout)));
      }
    console.log(`${loop.padEnd(12)}${names.map((n) => best.get(n)!.toFixed(1).padStart(18)).join('')}`);
  }
}

/** Compiling in a fresh Node, as the planner's bundle does it: profile to program, and the stored filter. */
function compiling(): void {
  const at = mkdtempSync(join(tmpdir(), 'ctr-bench-seccomp-'));
  try {
    const entry = join(at, 'entry.ts');
    writeFileSync(
      entry,
      `import { compile } from '${source}/compiler.ts';
import { defaultProfile } from '${source}/default-profile.ts';
import { normalize } from '${source}/profile/normalize.ts';
import { select } from '${source}/profile/select.ts';
import { stockFilter } from '${source}/stock.ts';
const from = performance.now();
if (process.argv[2] === 'stored') {
  select(defaultProfile(), { abi: 'x86_64', caps: new Set(), kernel: '6.18' });
  stockFilter('x86_64', new Set());
} else compile(normalize(select(defaultProfile(), { abi: 'x86_64', caps: new Set(), kernel: '6.18' }), 'x86_64'));
console.log(performance.now() - from);`,
    );
    const outfile = join(at, 'entry.cjs');
    buildSync({ entryPoints: [entry], bundle: true, platform: 'node', format: 'cjs', minify: true, outfile });
    for (const way of ['compiled', 'stored']) {
      const times = Array.from({ length: rounds * 3 }, () =>
        Number(execFileSync(process.execPath, [outfile, way])),
      );
      times.sort((a, b) => a - b);
      const middle = times[times.length >> 1]!;
      console.log(`default profile ${way}: best ${times[0]!.toFixed(2)} ms, median ${middle.toFixed(2)} ms`);
    }
  } finally {
    rmSync(at, { recursive: true });
  }
}

try {
  compiling();
  calls();
} finally {
  cleanUp();
}
