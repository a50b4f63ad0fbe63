/**
 * `node bench/rate.ts [N]`: containers a second, as root: N short ones (1,000) from start to end, eight at a time, with each
 * runtime in turn, twice; the better of both.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBundle } from './bundle.ts';
import type { Measured } from './measure.ts';
import { report } from './results.ts';
import { eachView } from './view.ts';

eachView(1);
const count = Number(process.argv[2] ?? 1000);
const at = mkdtempSync(join(tmpdir(), 'ctr-rate-'));
const runtimes: Record<string, string> = {
  'ctr-run': join(import.meta.dirname, '../dist/bin/ctr-run'),
  runc: 'runc',
  crun: 'crun',
};

/** Seconds of wall time and of CPU for all of them. */
function together(name: string, round: number): { wall: number; cpu: number } {
  const script = `seq ${count} | xargs -P 8 -I{} ${runtimes[name]} --root ${at}/${name} run --bundle ${at} rate-${round}-{}; times`;
  const begun = process.hrtime.bigint();
  const said = execFileSync('bash', ['-c', script], { encoding: 'utf8' });
  const wall = Number(process.hrtime.bigint() - begun) / 1e9;
  const [, children = ''] = said.trim().split('\n').slice(-2);
  const cpu = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, m, s]) => sum + Number(m) * 60 + Number(s),
    0,
  );
  return { wall, cpu };
}

try {
  makeBundle(at, ['/bin/true'], ['true']);
  const taking = Object.keys(runtimes).filter(
    (name) =>
      spawnSync(runtimes[name]!, ['--root', `${at}/${name}`, 'run', '--bundle', at, 'rate-probe']).status ===
      0,
  );
  const tries = taking.map(() => [] as { wall: number; cpu: number }[]);
  for (let round = 0; round < 2; round++)
    for (const [i, name] of taking.entries()) tries[i]!.push(together(name, round));
  const rows: Measured[] = taking.map((name, i) => {
    const [best] = tries[i]!.toSorted((a, b) => a.wall - b.wall);
    const each = (best!.wall * 1000) / count;
    process.stdout.write(`${name}: ${(count / best!.wall).toFixed(1)} containers a second\n`);
    return { name, median: each, best: each, cpu: (best!.cpu * 1000) / count, peak: 0, runs: 2 };
  });
  report('rate', 'a container, eight at a time', '', rows, [
    { ours: 'ctr-run', theirs: 'crun', atMost: 1 },
    { ours: 'ctr-run', theirs: 'runc', atMost: 1 },
  ]);
} finally {
  rmSync(at, { recursive: true, force: true });
}
