/** Running the launcher on plans made here, as tests do it. */
import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type AnyStep, compile, encode, type Manner, slot, step } from '../../packages/plan/src/index.ts';
import { O } from '../../packages/sys/src/constants/index.ts';
import { atFileBegin, atFileEnd, slower } from '../../test/support.ts';

const native = resolve(import.meta.dirname, '..');
/** `CTR_TEST_LAUNCHER`: another build of it, one with sanitizers for example. */
export const launcher = process.env.CTR_TEST_LAUNCHER ?? join(native, 'build/core/ctr-launcher');
const program = join(native, 'build/program/ctr-launcher');

/** A launcher's whole file at `path`, whose engine evaluates `script` (native/engine/README.md). */
export function makeLauncher(path: string, script: string): void {
  const bundle = `${path}.js`;
  writeFileSync(bundle, script);
  const { status, stderr } = spawnSync(program, ['--make-image', bundle, launcher, path], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${path}: ${stderr}`);
}

const made = spawnSync('make', ['-s', '-C', native], { encoding: 'utf8' });
if (made.status !== 0) throw new Error(`make -C native: ${made.stderr}`);

/** A directory of this test file's own, removed at its end. */
export const work = mkdtempSync(join(tmpdir(), 'ctr-test-native-'));
const forget = () => atFileEnd(() => rmSync(work, { recursive: true, force: true }));
forget();
atFileBegin(() => {
  mkdirSync(work, { recursive: true });
  forget();
});

let count = 0;

/** Write these links as a stored plan; its path. */
export function plan(links: AnyStep[][], manner: Partial<Manner> = {}): string {
  const path = join(work, `plan-${count++}`);
  writeFileSync(path, encode(compile(links, { tool: 'test', exit: 125, ...manner })));
  return path;
}

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export function run(steps: AnyStep[], manner: Partial<Manner> = {}, options: SpawnSyncOptions = {}): Ended {
  return runPlan(plan([steps], manner), options);
}

export function runPlan(path: string, options: SpawnSyncOptions = {}): Ended {
  const { status, signal, stdout, stderr } = spawnSync(launcher, ['--plan', path], {
    timeout: 20_000 * slower,
    ...options,
    encoding: 'utf8',
  });
  return { status, signal, stdout, stderr };
}

/**
 * What a shell line prints and how it ends; `$P` is the plan, `$L` the launcher. Without --norc
 * bash would take a socket as its stdin for rsh, and read ~/.bashrc.
 */
export function shell(line: string, path: string, options: SpawnSyncOptions = {}): Ended {
  const { status, signal, stdout, stderr } = spawnSync('bash', ['--norc', '-c', line], {
    timeout: 30_000 * slower,
    env: { PATH: process.env.PATH, L: launcher, P: path },
    ...options,
    encoding: 'utf8',
  });
  return { status, signal, stdout, stderr };
}

export const exec = (...argv: string[]): AnyStep =>
  step('exec', 'exec', { file: argv[0]!, argv }, `run ${argv[0]}`);

export const NEWPID = 0x20000000;

/** A child of the launcher, which is the container side from here on. */
/** open(2) flags of a directory that is only to be a root. */
export const O_ROOT = O.PATH | O.DIRECTORY;

export const clone = (flags = 0): AnyStep =>
  step(
    'clone',
    'clone',
    { process: -1, flags, cgroup: -1, pid: slot('child.pid'), pidfd: slot('child.pidfd') },
    'start the process',
    { side: 'host' },
  );

export const supervise = (
  ending: 'by_signal' | 'by_code' = 'by_signal',
  pty: number | ReturnType<typeof slot> = -1,
): AnyStep =>
  step(
    'supervise',
    'supervise',
    { process: -1, pid: slot('child.pid'), pidfd: slot('child.pidfd'), ending, pty },
    'stay with the command',
    { side: 'host' },
  );

export const awaitExec = (): AnyStep =>
  step('running', 'await_exec', { process: -1 }, 'wait for the command', { side: 'host' });

export type { AnyStep } from '../../packages/plan/src/index.ts';
export { slot, step, template, undo } from '../../packages/plan/src/index.ts';
