/**
 * `node bench/grow.ts [ROUNDS]`: what a start costs as things grow, as root: running containers, mounts of the spec, layers
 * of the root, rules of the filter. Reports the median at each size and the slope between the smallest and the largest.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBundle } from './bundle.ts';
import { type Measured, measure } from './measure.ts';
import { report } from './results.ts';

const rounds = Number(process.argv[2] ?? 15);
const at = mkdtempSync(join(tmpdir(), 'ctr-grow-'));
const bin = join(import.meta.dirname, '../dist/bin');
const ctr = `${bin}/ctr-run`;
const state = join(at, 'state');

interface Spec {
  mounts: object[];
  linux: Record<string, unknown>;
}

/** A bundle with the same root, whose spec was changed. */
function bundle(name: string, change: (spec: Spec) => void): string {
  const directory = join(at, name);
  mkdirSync(directory);
  const spec = JSON.parse(
    readFileSync(join(at, 'config.json'), 'utf8').replace('"rootfs"', JSON.stringify(`${at}/rootfs`)),
  );
  change(spec as Spec);
  writeFileSync(join(directory, 'config.json'), JSON.stringify(spec));
  return directory;
}

const run = (of: string): string[] => [ctr, '--root', state, 'run', '--bundle', of, 'grow-@@'];

/** One row a size, all of one kind interleaved. */
function grow(kind: string, unit: string, sizes: readonly number[], argv: (size: number) => string[]): void {
  const rows = measure(
    sizes.map((size) => ({ name: `${size} ${unit}`, argv: argv(size) })),
    rounds,
    1,
    at,
  );
  tell(kind, unit, sizes, rows);
}

function tell(kind: string, unit: string, sizes: readonly number[], rows: readonly Measured[]): void {
  report(`grow-${kind}`, `a start with`, '', rows, []);
  const slope = (rows.at(-1)!.median - rows[0]!.median) / (sizes.at(-1)! - sizes[0]!);
  process.stdout.write(`slope: ${(slope * 1000).toFixed(1)} µs more for each of the ${unit}\n\n`);
}

try {
  makeBundle(at, ['/bin/true'], ['true', 'sleep']);
  grow('mounts', 'mounts', [10, 100, 300, 1000], (size) => {
    const mounts = Array.from({ length: size }, (_, i) => ({
      destination: `/tmp/m${i}`,
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['size=4k'],
    }));
    return run(
      bundle(`mounts-${size}`, (spec) =>
        spec.mounts.push({ destination: '/tmp', type: 'tmpfs', source: 'tmpfs' }, ...mounts),
      ),
    );
  });
  // The values that a call is refused for lie side by side: each that stands alone takes two instructions, and
  // the kernel takes 4096 of them (BPF_MAXINSNS).
  grow('rules', 'rules of a filter', [10, 100, 1000, 5000], (size) => {
    const syscalls = Array.from({ length: size }, (_, i) => ({
      names: [['ioctl', 'fcntl', 'prctl', 'socket', 'personality'][i % 5]],
      action: 'SCMP_ACT_ERRNO',
      args: [{ index: 1, value: 1_000_000 + Math.floor(i / 5), op: 'SCMP_CMP_EQ' }],
    }));
    return run(
      bundle(`rules-${size}`, (spec) => {
        spec.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls };
      }),
    );
  });
  const layers = Array.from({ length: 500 }, (_, i) => {
    const directory = join(at, `layer${i}`);
    mkdirSync(directory);
    writeFileSync(join(directory, `file${i}`), '');
    // The command runs on the layers, of which each stack has the first.
    if (i === 0) copyFileSync(join(at, 'rootfs/bin/true'), join(directory, 'true'));
    return `${directory}.tar`;
  });
  for (const [i, tar] of layers.entries())
    execFileSync('tar', ['-C', join(at, `layer${i}`), '-cf', tar, '.']);
  process.env.CTR_STORE = join(at, 'store');
  const ufs = [`${bin}/ufs-mount`];
  const first = spawnSync(ufs[0]!, [...ufs.slice(1), '--temp', ...layers, '--', '/true'], {
    stdio: 'inherit',
  });
  if (first.status !== 0) throw new Error('the layers cannot be mounted');
  grow('layers', 'layers', [1, 10, 100, 500], (size) => [
    ...ufs,
    '--temp',
    ...layers.slice(0, size),
    '--',
    '/true',
  ]);

  const still = bundle('still', (spec) => {
    (spec as unknown as { process: { args: string[] } }).process.args = ['/bin/sleep', '100000'];
  });
  const plain = bundle('plain', () => undefined);
  const sizes = [1, 10, 100, 1000];
  const rows: Measured[] = [];
  let running = 0;
  try {
    for (const size of sizes) {
      for (; running < size; running++)
        execFileSync(ctr, ['--root', state, 'run', '--detach', '--bundle', still, `still-${running}`], {
          stdio: 'ignore',
        });
      const [row] = measure([{ name: `${size} running containers`, argv: run(plain) }], rounds, 1, at);
      rows.push(row!);
    }
    tell('containers', 'running containers', sizes, rows);
  } finally {
    for (let i = 0; i < running; i++)
      spawnSync(ctr, ['--root', state, 'delete', '--force', `still-${i}`], { stdio: 'ignore' });
  }
} finally {
  rmSync(at, { recursive: true, force: true });
}
