/**
 * Unpacking a gzip layer, beside GNU tar and umoci: wall time, processor time and memory.
 *
 *     node bench/cases/ufs.ts LAYOUT TAG [ROUNDS]
 *
 * LAYOUT is an OCI layout whose image TAG has one large gzip layer; CTR_STORE's file system is
 * the one that is written to.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

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

if (import.meta.main) {
  const [given, tag, rounds = '3'] = process.argv.slice(2);
  if (!given || !tag) throw new Error('node bench/cases/ufs.ts LAYOUT TAG [ROUNDS]');
  const layout = resolve(given);
  const figures: Figure[] = [];
  const base = mkdtempSync(join(process.env.CTR_STORE ?? tmpdir(), 'bench-'));
  for (let i = 0; i < Number(rounds); i++) {
    const at = mkdtempSync(join(base, 'round-'));
    const env = { ...process.env, CTR_STORE: `${at}/store` };
    // In turn, so that what else the machine does falls on all alike.
    figures.push(timed('tar', 'tar', ['-xzf', layerOf(layout), '-C', at]));
    figures.push(
      timed(
        'ufs-mount',
        join(bin, 'ufs-mount'),
        [`oci:${layout}:${tag}`, '--target', `${at}/root`, '--temp'],
        env,
      ),
    );
    spawnSync(join(bin, 'ufs-mount'), ['--unmount', `${at}/root`], { env });
    figures.push(timed('umoci', 'umoci', ['unpack', '--image', `${layout}:${tag}`, `${at}/bundle`]));
    rmSync(at, { recursive: true, force: true });
  }
  rmSync(base, { recursive: true, force: true });
  for (const name of ['tar', 'ufs-mount', 'umoci']) {
    const own = figures.filter((figure) => figure.name === name);
    const [seconds, processor] = [median(own.map((f) => f.seconds)), median(own.map((f) => f.processor))];
    const most = Math.max(...own.map((f) => f.kilobytes));
    process.stdout.write(
      `${name.padEnd(10)} ${seconds.toFixed(2)} s, processor ${processor.toFixed(2)} s, ${Math.round(most / 1024)} MiB\n`,
    );
  }
}
