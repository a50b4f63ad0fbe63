/** What the tests of all packages share: running the built tools as a person would. */
import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'vitest';
import { dist } from './dist.ts';
import { recordSkip } from './skips.ts';

/** The top of the repository, and where the built tools lie. */
export const top = join(import.meta.dirname, '..');
export const bin = join(dist, 'bin');

/** Where a built tool lies. */
export const toolPath = (name: string): string => join(bin, name);

/**
 * How many times slower than a common machine this one is: each time limit here is longer by
 * that, so that under emulation no test fails for nothing but slowness.
 */
export const SLOWER = 'CTR_TEST_SLOWER';
export const slower = Math.max(1, Number(process.env[SLOWER] ?? 1) || 1);

export interface Ended {
  /** Exit code, or null where a signal ended it. */
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions extends Pick<SpawnOptions, 'cwd' | 'uid' | 'gid'> {
  /** The whole environment; this process's own with `dist/bin` first in PATH if absent. */
  env?: Record<string, string>;
  /** What it reads on stdin; nothing (an empty pipe) if absent. */
  input?: string | Buffer;
  /** Milliseconds until it is killed, on a common machine. 30 seconds if absent. */
  timeout?: number;
  /** Descriptors for 3 and up. */
  fds?: readonly number[];
}

/** This process's environment with the built tools first in PATH. */
export function toolEnv(extra: Record<string, string> = {}): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    // What the test runner sets for itself is not to be seen by what is tested.
    if (value !== undefined && !/^(VITEST|NODE_|npm_|CTR_)/.test(name)) env[name] = value;
  }
  return { ...env, PATH: `${bin}${delimiter}${env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin'}`, ...extra };
}

/** Run a program to its end. */
export function run(file: string, args: readonly string[], options: RunOptions = {}): Ended {
  const { env = toolEnv(), input = '', timeout = 30_000, fds = [], ...rest } = options;
  const ended = spawnSync(file, args, {
    ...rest,
    env,
    input,
    timeout: timeout * slower,
    killSignal: 'SIGKILL',
    maxBuffer: 64 << 20,
    stdio: ['pipe', 'pipe', 'pipe', ...fds],
    encoding: 'utf8',
  });
  if (ended.error && ended.status === null && ended.signal === null) throw ended.error;
  return { status: ended.status, signal: ended.signal, stdout: ended.stdout, stderr: ended.stderr };
}

/** Run a built tool to its end: `runTool('cg-limit', ['--pids-limit', '5', '--', 'true'])`. */
export const runTool = (name: string, args: readonly string[], options: RunOptions = {}): Ended =>
  run(toolPath(name), args, options);

/** Run a line of shell with the built tools in PATH. */
export const runShell = (line: string, options: RunOptions = {}): Ended =>
  run('/bin/sh', ['-c', line], options);

/** A program that goes on while the test looks at it; it is killed when the test ends. */
export function start(file: string, args: readonly string[], options: RunOptions = {}) {
  const { env = toolEnv(), fds = [], input: _input, timeout: _timeout, ...rest } = options;
  const child = spawn(file, args, { ...rest, env, stdio: ['pipe', 'pipe', 'pipe', ...fds] });
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
  ended.catch(() => {});
  started.push(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended.catch(() => {});
  });
  return {
    child,
    ended,
    /** What it has written so far. */
    output: () => ({ stdout, stderr }),
  };
}

const started: (() => Promise<void>)[] = [];
const begins: (() => void)[] = [];
const ends: (() => void)[] = [];

/** Do this when the running test file has ended, before its temporary directories go. */
export const atFileEnd = (end: () => void): void => void ends.push(end);

/** Do this before each test file that comes after this one in the same worker. */
export const atFileBegin = (begin: () => void): void => void begins.push(begin);

/*
 * Modules that tests share are loaded once in a worker that runs several files, so hooks that
 * they set themselves would hold for the first file alone: test/worker.ts, which runs before
 * each file, sets these.
 */
export const between = {
  fileBegins: (): void => {
    for (const begin of begins) begin();
  },
  testEnds: async (): Promise<void> => {
    for (const stop of started.splice(0)) await stop();
  },
  fileEnds: (): void => {
    for (const end of ends.splice(0).reverse()) end();
    for (const path of directories.splice(0)) rmSync(path, { recursive: true, force: true });
  },
};

const directories: string[] = [];

/** A new directory that goes when the test file ends. */
export function tempDir(name = 'test'): string {
  const path = mkdtempSync(join(tmpdir(), `ctr-${name}-`));
  directories.push(path);
  return path;
}

/** kill(2) of one process. 0 and PIDs below it would be whole groups, our own among them (kill(2)). */
export function killOne(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (!Number.isInteger(pid) || pid < 2)
    throw new Error(`a test wants to send ${signal} to ${pid}, which is not one process`);
  process.kill(pid, signal);
}

/** Wait until no process names a path: an engine cleans up after a container without anybody waiting for it. */
export const untilNobodyNames = (path: string): Promise<void> =>
  until(`nobody names ${path}`, () => run('pgrep', ['-f', '--', path]).status === 1, 30_000);

/** Wait until something is so, looking every few milliseconds. Throws after `timeout` ms of a common machine. */
export async function until(what: string, check: () => boolean, timeout = 10_000): Promise<void> {
  const end = Date.now() + timeout * slower;
  while (!check()) {
    if (Date.now() > end) throw new Error(`waited ${timeout * slower} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Where a command lies in PATH, or undefined. */
export function findCommand(name: string): string | undefined {
  for (const dir of `${process.env.PATH}:/usr/sbin:/sbin`.split(delimiter)) {
    const path = join(dir, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this directory.
    }
  }
  return undefined;
}

export const hasCommand = (name: string): boolean => findCommand(name) !== undefined;
export const isRoot = process.geteuid?.() === 0;

/** Whether the running kernel is older than that Linux. */
export function isBefore(major: number, minor: number): boolean {
  const [have = 0, less = 0] = release().split('.').map(Number);
  return have < major || (have === major && less < minor);
}

/** What this machine may lack, each with how it is found out and what a skip says. */
const conditions = {
  root: () => isRoot || 'needs root',
  apparmor: () => existsSync('/sys/kernel/security/apparmor') || 'the kernel has no AppArmor',
  selinux: () => existsSync('/sys/fs/selinux/enforce') || 'the kernel has no SELinux',
  'cgroup-v1': () => existsSync('/sys/fs/cgroup/memory/tasks') || 'no cgroup v1 hierarchies',
  'cgroup-v2': () =>
    existsSync('/sys/fs/cgroup/cgroup.controllers') || 'no cgroup v2 at /sys/fs/cgroup (hybrid or v1)',
  systemd: () => existsSync('/run/systemd/system') || 'systemd is not the init system',
  // What takes minutes is left to who asks: all checks together have a time that they may take.
  asked: () => Boolean(process.env.CTR_TEST_LONG) || 'it takes minutes: CTR_TEST_LONG=1 runs it',
} as const;

export type Condition = keyof typeof conditions | `command:${string}` | `file:${string}`;

/** Why this machine does not meet the conditions, or undefined where it does. */
export function lacking(...wanted: readonly Condition[]): string | undefined {
  for (const condition of wanted) {
    const [kind, name] = condition.split(':', 2) as [string, string | undefined];
    if (kind === 'command') {
      if (!hasCommand(name!)) return `the command ${name} is not installed`;
    } else if (kind === 'file') {
      if (!existsSync(name!)) return `there is no ${name}`;
    } else {
      const met = conditions[kind as keyof typeof conditions]();
      if (met !== true) return met as string;
    }
  }
  return undefined;
}

/**
 * Skip the running test unless the machine has all of this; the reason stands in the
 * report. First thing in a test: `test('…', (context) => { needs(context, 'command:runc'); … })`.
 */
export function needs(context: TestContext, ...wanted: readonly Condition[]): void {
  const reason = lacking(...wanted);
  if (reason !== undefined) skip(context, reason);
}

/** Skip the running test for a reason of its own. */
export function skip(context: TestContext, reason: string): never {
  recordSkip(context.task, reason);
  return context.skip(reason);
}
