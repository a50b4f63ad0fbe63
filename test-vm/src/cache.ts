/**
 * Where boxes and running machines are kept: outside the repository, so that neither a
 * clean checkout nor `git clean` costs a build.
 *
 *     CACHE/boxes/HASH/    a finished box; it gets this name by rename, when it is whole
 *     CACHE/run/PID-N/     what one run uses: overlay, console, key
 *     CACHE/lock           held while a box is made
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { makeDirectories } from '../../packages/cli/src/node.ts';
import { need, tied } from './child.ts';
import { VmError } from './errors.ts';

/** CTR_VM_CACHE, or /var/cache/ctr-tools for root, or the user's cache directory (XDG Base Directory). */
export function cacheDir(env: NodeJS.ProcessEnv = process.env, uid = process.geteuid?.() ?? -1): string {
  if (env.CTR_VM_CACHE) {
    if (!env.CTR_VM_CACHE.startsWith('/')) {
      throw new VmError(`CTR_VM_CACHE is "${env.CTR_VM_CACHE}"; it must be an absolute path`);
    }
    return env.CTR_VM_CACHE;
  }
  if (uid === 0) return '/var/cache/ctr-tools';
  return join(
    env.XDG_CACHE_HOME?.startsWith('/') ? env.XDG_CACHE_HOME : join(homedir(), '.cache'),
    'ctr-tools',
  );
}

/** Make the directory, or say why it cannot be. */
export function makeDir(path: string): string {
  try {
    makeDirectories(path, 0o755);
  } catch (error) {
    throw new VmError(
      `making ${path}: ${(error as Error).message}; set CTR_VM_CACHE to a directory of yours`,
    );
  }
  return path;
}

/** Stop before anything is made where less than this many MiB are free. */
export function needSpace(path: string, mebibytes: number, what: string): void {
  const { bavail, bsize } = statfsSync(path);
  const free = Math.floor((Number(bavail) * Number(bsize)) / (1 << 20));
  if (free < mebibytes) {
    throw new VmError(
      `${what} needs ${mebibytes} MiB in ${path}, where ${free} MiB are free; make room or set CTR_VM_CACHE`,
    );
  }
}

/**
 * Take the lock of a file, waiting for who has it. It is flock(1) that holds it, and it ends
 * when its stdin does, or with this process, however that goes: while it still waits it reads
 * nothing, and would wait on for a lock that nobody wants.
 * `wait: false` gives undefined where somebody else has it.
 */
export async function lock(
  path: string,
  options: { wait?: boolean; waiting?: () => void } = {},
): Promise<(() => void) | undefined> {
  need('flock', 'setpriv');
  const hold = async (args: string[]): Promise<(() => void) | undefined> => {
    const child = spawn(
      ...tied('flock', [...args, '--no-fork', path, 'sh', '-c', 'echo locked; exec cat >/dev/null']),
      {
        stdio: ['pipe', 'pipe', 'inherit'],
        // Its own group: Ctrl-C at the terminal must not free the lock before we are done.
        detached: true,
      },
    );
    child.stdin.on('error', () => {});
    const answer = await Promise.race([
      once(child.stdout, 'data').then(() => 'locked'),
      once(child, 'exit').then(() => 'busy'),
    ]);
    if (answer === 'busy') return undefined;
    child.unref();
    (child.stdin as unknown as { unref(): void }).unref();
    (child.stdout as unknown as { unref(): void }).unref();
    return () => child.stdin.end();
  };
  const free = await hold(['--nonblock']);
  if (free || options.wait === false) return free;
  options.waiting?.();
  return await hold([]);
}

const alive = (pid: number): boolean => existsSync(`/proc/${pid}`);

/** A directory for what this process runs; those of processes that are gone are removed. */
export function runDir(cache: string): string {
  const all = makeDir(join(cache, 'run'));
  for (const name of readdirSync(all)) {
    const pid = Number(/^(\d+)-/.exec(name)?.[1]);
    if (pid && !alive(pid)) rmSync(join(all, name), { recursive: true, force: true });
  }
  return mkdtempSync(join(all, `${process.pid}-`));
}
