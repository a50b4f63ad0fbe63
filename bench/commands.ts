/**
 * The commands that engines call, beside runc and crun: `node bench/commands.ts [ROUNDS]`, as root.
 *
 * Interleaved: in each round every runtime makes a container of the same bundle, and each of
 * its commands is timed as a whole process. Medians.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const rounds = Number(process.argv[2] ?? 20);
const directory = mkdtempSync(join(tmpdir(), 'ctr-commands-'));
const ours = join(import.meta.dirname, '../dist/bin/ctr-run');
const runtimes = { 'ctr-run': ours, runc: 'runc', crun: 'crun' };
const commands = ['create', 'start', 'state', 'exec', 'kill', 'delete'] as const;

const bundle = join(directory, 'bundle');
for (const path of ['bin', 'proc', 'dev', 'sys'])
  mkdirSync(join(bundle, 'rootfs', path), { recursive: true });
copyFileSync('/bin/busybox', join(bundle, 'rootfs/bin/busybox'));
for (const name of ['sleep', 'true']) symlinkSync('busybox', join(bundle, 'rootfs/bin', name));
const spec = JSON.parse(execFileSync(ours, ['spec'], { encoding: 'utf8' })) as {
  ociVersion: string;
  process: Record<string, unknown>;
};
spec.ociVersion = '1.0.2'; // which every runtime takes
spec.process = { ...spec.process, terminal: false, args: ['/bin/sleep', '100000'] };
writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));

const times = new Map<string, number[]>();

function timed(runtime: keyof typeof runtimes, command: string, argv: readonly string[]): void {
  const root = join(directory, runtime);
  const begun = process.hrtime.bigint();
  const { status } = spawnSync(runtimes[runtime], ['--root', root, ...argv], { stdio: 'ignore' });
  const took = Number(process.hrtime.bigint() - begun) / 1e6;
  if (status !== 0) throw new Error(`${runtime} ${argv.join(' ')} ended with ${status}`);
  const key = `${runtime} ${command}`;
  times.set(key, [...(times.get(key) ?? []), took]);
}

/** Until the container that was killed is no more, which is not what is timed. */
function stopped(runtime: keyof typeof runtimes, id: string): void {
  for (;;) {
    const argv = ['--root', join(directory, runtime), 'state', id];
    const text = execFileSync(runtimes[runtime], argv, { encoding: 'utf8' });
    if ((JSON.parse(text) as { status: string }).status === 'stopped') return;
  }
}

/** Whether a runtime can make this container here at all; if not, why. */
function able(runtime: keyof typeof runtimes): boolean {
  const id = `ctr-bench-${process.pid}-probe`;
  const root = ['--root', join(directory, runtime)];
  const said = join(directory, 'said');
  const fd = openSync(said, 'w');
  const argv = [...root, 'create', '--bundle', bundle, id];
  const { status } = spawnSync(runtimes[runtime], argv, { stdio: ['ignore', 'ignore', fd] });
  closeSync(fd);
  spawnSync(runtimes[runtime], [...root, 'delete', '--force', id], { stdio: 'ignore' });
  if (status !== 0) console.log(`${runtime} is left out: ${readFileSync(said, 'utf8').trim()}`);
  return status === 0;
}

const taking = (Object.keys(runtimes) as (keyof typeof runtimes)[]).filter(able);

try {
  for (let round = 0; round < rounds; round++) {
    for (const runtime of taking) {
      const id = `ctr-bench-${process.pid}-${round}`;
      timed(runtime, 'create', ['create', '--bundle', bundle, id]);
      timed(runtime, 'start', ['start', id]);
      timed(runtime, 'state', ['state', id]);
      timed(runtime, 'exec', ['exec', id, '/bin/true']);
      timed(runtime, 'kill', ['kill', id, 'KILL']);
      stopped(runtime, id);
      timed(runtime, 'delete', ['delete', id]);
    }
  }
  const median = (key: string): number => times.get(key)!.toSorted((a, b) => a - b)[rounds >> 1]!;
  for (const command of commands) {
    const of = Object.fromEntries(taking.map((name) => [name, median(`${name} ${command}`)]));
    const shown = Object.entries(of).map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`);
    console.log(
      `${command.padEnd(7)} ${shown.join('   ')}   (${(of['ctr-run']! / of.runc!).toFixed(2)} of runc)`,
    );
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
