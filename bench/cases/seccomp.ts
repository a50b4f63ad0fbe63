/**
 * What a filter costs.
 *
 *     node bench/cases/seccomp.ts [ROUNDS]        after a build, as root
 *
 * Calls: loops under filters of one and the same profile, ours: compiled by us; by libseccomp
 * with and without its binary tree; and as runc loads it, read back from a container of runc.
 * In turn, by processor time, so that a busy machine matters less.
 */
import { spawn, spawnSync } from 'node:child_process';
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
import { defaultSpec } from '../../packages/oci/src/index.ts';
import { compile } from '../../packages/seccomp-load/src/compiler.ts';
import { defaultProfile } from '../../packages/seccomp-load/src/default-profile.ts';
import { normalize } from '../../packages/seccomp-load/src/profile/normalize.ts';
import { select } from '../../packages/seccomp-load/src/profile/select.ts';
import { build, cleanUp, compileWithLibseccomp } from '../../packages/seccomp-load/test/libseccomp.ts';
import { seccompFilters } from '../../packages/sys/src/index.ts';

const rounds = Number(process.argv[2] ?? 12);
const host = { abi: 'x86_64', caps: new Set<string>(), kernel: '6.18' } as const;
const own = select(defaultProfile, host);

const at = mkdtempSync(join(tmpdir(), 'ctr-bench-seccomp-'));

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
      return seccompFilters(Number(pid), () => true)[0];
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
  const filters: Record<string, Uint8Array> = {
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
  await calls();
} finally {
  cleanUp();
  rmSync(at, { recursive: true });
}
