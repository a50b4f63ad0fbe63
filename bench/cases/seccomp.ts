/**
 * What a filter costs, and what compiling it costs.
 *
 *     node bench/cases/seccomp.ts [ROUNDS]        after a build, as root
 *
 * Compiling: in a fresh process with the planner's own chunks and V8's code of them, as a start
 * has it: the part of the time that `linux.seccomp` of a container's spec adds to a plan.
 *
 * Calls: loops under filters of one and the same profile, ours: compiled by us; by libseccomp
 * with and without its binary tree; and as runc loads it, read back from a container of runc.
 * In turn, by processor time, so that a busy machine matters less.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { defaultSpec, type LinuxSeccomp, parseJson } from '../../packages/oci/src/index.ts';
import { compile } from '../../packages/seccomp-load/src/compiler.ts';
import { defaultProfile } from '../../packages/seccomp-load/src/default-profile.ts';
import { normalize } from '../../packages/seccomp-load/src/profile/normalize.ts';
import { select } from '../../packages/seccomp-load/src/profile/select.ts';
import { validate } from '../../packages/seccomp-load/src/profile/validate.ts';
import { build, cleanUp, compileWithLibseccomp } from '../../packages/seccomp-load/test/libseccomp.ts';
import { seccompFilters } from '../../packages/sys/src/index.ts';

const rounds = Number(process.argv[2] ?? 12);
const top = join(import.meta.dirname, '../..');
const lib = join(top, 'dist/lib');
const host = { abi: 'x86_64', caps: new Set<string>(), kernel: '6.18' } as const;
const own = select(defaultProfile(), host);

const at = mkdtempSync(join(tmpdir(), 'ctr-bench-seccomp-'));

/** Best, median and 90 of 100, in milliseconds. */
function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const part = (share: number): string => sorted[Math.floor(sorted.length * share)]!.toFixed(2);
  return `best ${part(0)}, median ${part(0.5)}, 90 % ${part(0.9)}`;
}

/** A container's filter from the spec to the program, in a planner that has just started. */
function compiling(): void {
  const entry = join(at, 'entry.ts');
  writeFileSync(
    entry,
    `import { readFileSync } from 'node:fs';
import { chunkLoader } from '${top}/packages/planner/src/chunks.ts';
// The kernel brings a thread's times up to date when it sleeps.
const cell = new Int32Array(new SharedArrayBuffer(4));
const cpu = (): number => {
  Atomics.wait(cell, 0, 0, 1);
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};
const load = chunkLoader('${lib}');
load('./planner.chunk');
const spec = JSON.parse(readFileSync(process.argv[2]!, 'utf8'));
const times: [number, number][] = [];
const timed = <T>(run: () => T): T => {
  const [c, w] = [cpu(), performance.now()];
  const result = run();
  const wall = performance.now() - w;
  times.push([wall, cpu() - c]);
  return result;
};
const part = timed(() => load('./seccomp-load-container.own.chunk')) as any;
const host = { pid: process.pid, cwd: '/', earlier: [], container: { state: () => '' } };
const facts = timed(() => part.gather(undefined, spec, host));
timed(() => part.steps(spec, facts));
console.log(JSON.stringify(times));`,
  );
  const outfile = join(at, 'entry.cjs');
  buildSync({ entryPoints: [entry], bundle: true, platform: 'node', format: 'cjs', outfile });
  const podman = '/usr/share/containers/seccomp.json';
  const profiles: Record<string, LinuxSeccomp> = { 'our default profile': own };
  if (existsSync(podman))
    profiles["podman's profile"] = select(
      validate(parseJson(readFileSync(podman), podman), podman).value,
      host,
    );
  for (const [name, seccomp] of Object.entries(profiles)) {
    const file = join(at, 'config.json');
    writeFileSync(
      file,
      JSON.stringify({ ociVersion: '1.2.0', process: { noNewPrivileges: true }, linux: { seccomp } }),
    );
    const runs = Array.from({ length: rounds * 4 }, () => {
      const text = execFileSync(join(lib, 'node'), [outfile, file], { encoding: 'utf8' });
      return JSON.parse(text) as [number, number][];
    });
    console.log(`${name}, milliseconds of ${runs.length} planners`);
    for (const [i, part] of ['load the code', 'look at the machine', 'compile'].entries()) {
      console.log(`  ${part.padEnd(20)} wall       ${spread(runs.map((run) => run[i]![0]))}`);
      console.log(`  ${''.padEnd(20)} processor  ${spread(runs.map((run) => run[i]![1]))}`);
    }
  }
}

/** Calls of one round, of which the harness makes twenty: short ones, that something may be left alone. */
const loops: Record<string, number> = {
  getppid: 20_000,
  read: 10_000,
  openat: 1_000,
  socket: 1_000,
  refused: 10_000,
  mix: 500,
};

/** What runc loads for the profile, read back from the kernel. */
async function byRunc(): Promise<Buffer | undefined> {
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path));
  if (!busybox || spawnSync('runc', ['--version']).status !== 0) return undefined;
  const bundle = join(at, 'bundle');
  for (const path of ['bin', 'proc', 'dev', 'sys'])
    mkdirSync(join(bundle, 'rootfs', path), { recursive: true });
  copyFileSync(busybox, join(bundle, 'rootfs/bin/busybox'));
  const spec = defaultSpec();
  spec.ociVersion = '1.0.2';
  spec.process = { ...spec.process!, terminal: false, args: ['/bin/busybox', 'sleep', '60'] };
  delete spec.process.rlimits;
  delete spec.linux!.resources;
  spec.mounts = spec.mounts!.filter(({ destination }) => destination !== '/sys/fs/cgroup');
  spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== 'cgroup');
  spec.linux!.seccomp = own;
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
  const id = `ctr-bench-seccomp-${process.pid}`;
  const pidFile = join(at, 'pid');
  const child = spawn('runc', ['run', '--bundle', bundle, '--pid-file', pidFile, id], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    for (let i = 0; i < 1000; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      const pid = existsSync(pidFile) ? readFileSync(pidFile, 'utf8') : '';
      if (pid === '' || readFileSync(`/proc/${pid}/comm`, 'latin1') !== 'busybox\n') continue;
      return seccompFilters(Number(pid))[0];
    }
    return undefined;
  } finally {
    spawnSync('runc', ['delete', '--force', id]);
    await ended;
  }
}

/** Best of all rounds, in nanoseconds a call: what disturbs only ever adds. */
async function calls(): Promise<void> {
  const runc = await byRunc();
  const filters: Record<string, Buffer> = {
    none: Buffer.alloc(0),
    ours: compile(normalize(own, 'x86_64')),
    'libseccomp, tree': compileWithLibseccomp(own, 2).bytes,
    libseccomp: compileWithLibseccomp(own, 1).bytes,
    ...(runc && { runc }),
  };
  const harness = build('harness');
  const names = Object.keys(filters);
  const row = (title: string, cells: readonly string[]): void =>
    console.log(`${title.padEnd(12)}${cells.map((cell) => cell.padStart(18)).join('')}`);
  row('ns a call', names);
  row(
    'instructions',
    names.map((name) => String(filters[name]!.length / 8)),
  );
  for (const [loop, count] of Object.entries(loops)) {
    const best = new Map(names.map((name) => [name, Number.POSITIVE_INFINITY]));
    for (let round = 0; round < rounds; round++)
      for (const name of names) {
        const done = spawnSync(harness, ['loop', loop, String(count)], { input: filters[name]! });
        best.set(name, Math.min(best.get(name)!, Number(done.stdout)));
      }
    row(
      loop,
      names.map((name) => best.get(name)!.toFixed(1)),
    );
  }
}

try {
  compiling();
  await calls();
} finally {
  cleanUp();
  rmSync(at, { recursive: true });
}
