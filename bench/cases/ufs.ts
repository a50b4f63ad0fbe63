/**
 * Unpacking a gzip layer of 1 GB, beside GNU tar and umoci: wall time, processor time and memory.
 *
 *     node bench/cases/ufs.ts CACHE ON [ROUNDS]
 *
 * CACHE is where bench/debian-layer.ts keeps the image (made there if it is missing), ON a
 * directory of the file system that is written to. On a machine with other work, run it where
 * that cannot take the processor: with sched_autogroup_enabled nice(1) counts among one's own
 * processes only, and a cgroup's cpu.shares or cpu.weight counts.
 *
 * What was written is removed at the end of all rounds, never between them: for half a minute
 * ext4 passes over each inode that was freed (fs/ext4/ialloc.c, `recently_deleted`), so whoever
 * makes files after a large removal pays for it, by up to ten seconds here.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { debianLayer } from '../debian-layer.ts';

interface Figure {
  name: string;
  seconds: number;
  processor: number;
  kilobytes: number;
}

const bin = join(import.meta.dirname, '../../dist/bin');

/** Run once under time(1). */
function timed(name: string, file: string, argv: readonly string[], env = process.env): Figure {
  const { status, stderr } = spawnSync('/usr/bin/time', ['-f', '%e %U %S %M', file, ...argv], {
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${name}: ${stderr}`);
  const [seconds = 0, user = 0, system = 0, kilobytes = 0] = stderr
    .trim()
    .split('\n')
    .at(-1)!
    .split(' ')
    .map(Number);
  return { name, seconds, processor: user + system, kilobytes };
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** The layer's blob: the first of the image's only manifest. */
function layerOf(layout: string): string {
  const read = (path: string) => JSON.parse(readFileSync(`${layout}/${path}`, 'utf8'));
  const blob = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;
  return `${layout}/${blob(read(blob(read('index.json').manifests[0].digest)).layers[0].digest)}`;
}

/** One after another, so that what else the machine does falls on all alike; each into a place of its own. */
function round(layout: string, at: string): Figure[] {
  const env = { ...process.env, CTR_STORE: `${at}/store` };
  // What was written before is not to be waited for by who writes now.
  const settle = () => spawnSync('sync', ['--file-system', at]);
  settle();
  const figures = [timed('tar', 'tar', ['-xzf', layerOf(layout), '-C', at])];
  settle();
  const ours = [`oci:${layout}:big`, '--target', `${at}/root`, '--temp'];
  figures.push(timed('ufs-mount', join(bin, 'ufs-mount'), ours, env));
  spawnSync(join(bin, 'ufs-mount'), ['--unmount', `${at}/root`], { env });
  settle();
  figures.push(timed('umoci', 'umoci', ['unpack', '--image', `${layout}:big`, `${at}/bundle`]));
  return figures;
}

if (import.meta.main) {
  const [cache, on, rounds = '3'] = process.argv.slice(2);
  if (!cache || !on) throw new Error('node bench/cases/ufs.ts CACHE ON [ROUNDS]');
  const layout = await debianLayer(cache);
  readFileSync(layerOf(layout)); // read from memory by all
  const base = mkdtempSync(join(resolve(on), 'ctr-bench-'));
  const figures: Figure[] = [];
  try {
    for (let i = 0; i < Number(rounds); i++)
      figures.push(...round(layout, mkdtempSync(join(base, 'round-'))));
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
  const of = (name: string) => figures.filter((figure) => figure.name === name);
  const seconds = (name: string) => median(of(name).map((f) => f.seconds));
  for (const name of ['tar', 'ufs-mount', 'umoci']) {
    const processor = median(of(name).map((f) => f.processor));
    const most = Math.max(...of(name).map((f) => f.kilobytes));
    process.stdout.write(
      `${name.padEnd(10)} ${seconds(name).toFixed(2)} s, processor ${processor.toFixed(2)} s, ${Math.round(most / 1024)} MiB\n`,
    );
  }
  process.stdout.write(
    `ufs-mount / tar: ${(seconds('ufs-mount') / seconds('tar')).toFixed(2)} (aim: at most 0.5)\n`,
  );
}
