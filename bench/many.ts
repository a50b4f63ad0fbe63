/**
 * A thousand detached containers on one machine: `node bench/many.ts [N]`, as root.
 *
 * What is told: how long the first and the last start took (medians of ten), how long `list`
 * takes with all of them there, what processes of ours run beside the containers' own, and
 * what is left once all are deleted. runc meets the kernel's keyring quota near 200.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const count = Number(process.argv[2] ?? 1000);
const top = join(import.meta.dirname, '..');
const ctr = join(top, 'dist/bin/ctr-run');
const directory = mkdtempSync(join(tmpdir(), 'ctr-many-'));
const root = join(directory, 'state');

function makeBundle(): string {
  const bundle = join(directory, 'bundle');
  for (const path of ['bin', 'proc', 'dev', 'sys'])
    mkdirSync(join(bundle, 'rootfs', path), { recursive: true });
  copyFileSync('/bin/busybox', join(bundle, 'rootfs/bin/busybox'));
  symlinkSync('busybox', join(bundle, 'rootfs/bin/sleep'));
  const spec = JSON.parse(execFileSync(ctr, ['spec', '-'], { encoding: 'utf8' })) as {
    process: Record<string, unknown>;
  };
  spec.process = { ...spec.process, terminal: false, args: ['/bin/sleep', '100000'] };
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
  return bundle;
}

/** Milliseconds of one call; its output goes nowhere, for the containers keep it open. */
function timed(...argv: string[]): number {
  const begun = process.hrtime.bigint();
  // A file, for a pipe would be kept open by the containers.
  const words = openSync(join(directory, 'stderr'), 'w+');
  const { status } = spawnSync(ctr, ['--root', root, ...argv], { stdio: ['ignore', 'ignore', words] });
  closeSync(words);
  if (status !== 0)
    throw new Error(
      `ctr-run ${argv.join(' ')} ended with ${status}: ${readFileSync(join(directory, 'stderr'), 'utf8')}`,
    );
  return Number(process.hrtime.bigint() - begun) / 1e6;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const of = (values: readonly number[]): string => `${median(values).toFixed(1)} ms`;

/** Processes of ours that serve these containers: their command lines name the state root. */
function ours(): number {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(root);
    } catch {
      return false;
    }
  }).length;
}

const groups = (): number =>
  Number(
    execFileSync('sh', ['-c', `find /sys/fs/cgroup -type d -name '*ctr-many-*' | wc -l`], {
      encoding: 'utf8',
    }),
  );

const ids = Array.from({ length: count }, (_, i) => `ctr-many-${process.pid}-${i}`);
try {
  const bundle = makeBundle();
  const starts = ids.map((id) => timed('run', '--detach', '--bundle', bundle, id));
  const [first, last] = [starts.slice(0, 10), starts.slice(-10)];
  const list = Array.from({ length: 5 }, () => timed('list'));
  const running = Number(
    execFileSync('sh', ['-c', `${ctr} --root ${root} list | grep -c running`], { encoding: 'utf8' }),
  );
  console.log(`${running} of ${count} containers run`);
  console.log(
    `start: first ten ${of(first)}, last ten ${of(last)}, ratio ${(median(last) / median(first)).toFixed(2)}`,
  );
  console.log(`list: ${of(list)}`);
  console.log(`processes of ours beside them: ${ours()}`);
} finally {
  const deletes = ids.flatMap((id) => {
    try {
      return [timed('delete', '--force', id)];
    } catch {
      return [];
    }
  });
  console.log(`delete: ${of(deletes)}`);
  console.log(
    `left: ${readdirSync(root).length} states, ${groups()} groups, ${readFileSync('/proc/self/mountinfo', 'utf8').split(directory).length - 1} mounts`,
  );
  rmSync(directory, { recursive: true, force: true });
}
