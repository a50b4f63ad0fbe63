/**
 * Programs that these scripts run. None outlives them: each is started by setpriv(1) with a
 * signal for its parent's death (PR_SET_PDEATHSIG, prctl(2)), so not even SIGKILL of the
 * script leaves a QEMU behind.
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { VmError } from './errors.ts';

/** Where a command lies in PATH, or undefined. */
export function findCommand(name: string, path = process.env.PATH ?? ''): string | undefined {
  if (name.includes('/')) return existsSync(name) ? name : undefined;
  for (const dir of `${path}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter)) {
    const file = join(dir, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this directory.
    }
  }
  return undefined;
}

/** The packages of Debian in which lies what we call. */
const packageOf: Record<string, string> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  mmdebstrap: 'mmdebstrap',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  setpriv: 'util-linux',
  flock: 'util-linux',
  vagrant: 'vagrant and vagrant-libvirt',
  libvirtd: 'libvirt-daemon',
  virsh: 'libvirt-clients',
  tar: 'tar',
};

/** Stop with what to install where one of these is missing. */
export function need(...names: readonly string[]): void {
  const missing = names.filter((name) => findCommand(name) === undefined);
  if (missing.length === 0) return;
  const packages = missing.map((name) => packageOf[name] ?? name).join(' ');
  throw new VmError(`${missing.join(', ')} not found in PATH; try: apt-get install ${packages}`);
}

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

const running = new Set<ChildProcess>();

/** A command that gets this signal when the thread that starts it dies, however it dies. */
export const tied = (
  file: string,
  args: readonly string[],
  signal: 'TERM' | 'KILL' = 'KILL',
): [string, string[]] => ['setpriv', [`--pdeathsig=${signal}`, '--', file, ...args]];

/** Start a program that gets `deathSignal` when this process dies, however it dies. */
export function start(
  file: string,
  args: readonly string[],
  options: SpawnOptions & { deathSignal?: 'TERM' | 'KILL' } = {},
): ChildProcess {
  const { deathSignal = 'KILL', ...rest } = options;
  need('setpriv', file);
  const child = spawn(...tied(file, args, deathSignal), rest);
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

export interface RunOptions extends SpawnOptions {
  input?: NodeJS.ReadableStream | string;
  /** Milliseconds until it is killed; without end if absent. */
  timeout?: number;
  deathSignal?: 'TERM' | 'KILL';
  /** Both its outputs go here instead, line by line. */
  each?: (line: string) => void;
}

/** Run a program to its end. */
export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const { input, timeout, each, ...rest } = options;
  const child = start(file, args, {
    ...rest,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  if (each) {
    for (const stream of [child.stdout!, child.stderr!]) createInterface({ input: stream }).on('line', each);
  } else {
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
  }
  // Who does not read to the end says why by its exit status.
  child.stdin?.on('error', () => {});
  if (typeof input === 'string') child.stdin!.end(input);
  else if (input) input.pipe(child.stdin!);
  const timer = timeout ? setTimeout(() => child.kill('SIGKILL'), timeout) : undefined;
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ status, signal, stdout, stderr });
    });
  });
}

/** Run a program to its end; whatever is no success is an error that says what was being done. */
export async function must(
  doing: string,
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { status, signal, stdout, stderr } = await run(file, args, options);
  if (status === 0) return stdout;
  const how = signal ? `${file} was ended by ${signal}` : `${file} exited ${status}`;
  const last = stderr.trimEnd().split('\n').slice(-8).join('\n  ');
  throw new VmError(`${doing}: ${how}${last ? `:\n  ${last}` : ''}`);
}

/** A program that answers at once; its stdout, or undefined where it failed. */
export function ask(file: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(file, args, { encoding: 'utf8', timeout: 20_000 });
  return status === 0 ? stdout : undefined;
}

const farewells = new Set<() => Promise<void> | void>();

/** Do this when the script ends, be it by a signal; gives back how to do it earlier. */
export function atEnd(farewell: () => Promise<void> | void): () => Promise<void> {
  farewells.add(farewell);
  return async () => {
    if (farewells.delete(farewell)) await farewell();
  };
}

/** End everything that was started, then do what was left to do, newest first. */
export async function endAll(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
      await gone;
      clearTimeout(timer);
    }),
  );
  for (const farewell of [...farewells].reverse()) {
    farewells.delete(farewell);
    await farewell();
  }
}

/**
 * On Ctrl-C, hang-up and termination: end what runs, then die of the same signal. The signal of a
 * parent's death comes once for each of its threads, so more of them change nothing.
 */
export function endOnSignals(): void {
  let ending = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (ending) return;
      ending = true;
      process.stderr.write(`\ninterrupted by ${signal}; ending what was started\n`);
      endAll().finally(() => {
        process.removeAllListeners(signal);
        process.kill(process.pid, signal);
      });
    });
  }
}
