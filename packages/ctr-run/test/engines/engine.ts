/** What the tests of the engines share: an image made here, the daemon by hand, and a way to compare. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type Ended, run, slower, tempDir, toolEnv, toolPath } from '../../../../test/support.ts';
import { busyboxRoot } from '../bundles.ts';

export const imageName = 'localhost/ctr-test:1';

/** The runtimes that every engine is driven with: the answers have to be the same. */
export const runtimes = [
  { name: 'runc', path: '/usr/sbin/runc' },
  { name: 'ctr-run', path: toolPath('ctr-run') },
] as const;

/** A docker-archive (as `docker save` writes it) of a busybox root, which every engine can load. Nothing is pulled. */
export function imageArchive(command: readonly string[] = ['/bin/sh']): string {
  const directory = tempDir('image');
  busyboxRoot(`${directory}/root`);
  execFileSync('tar', [
    '--owner=0',
    '--group=0',
    '-C',
    `${directory}/root`,
    '-cf',
    `${directory}/layer.tar`,
    '.',
  ]);
  const diff = createHash('sha256')
    .update(readFileSync(`${directory}/layer.tar`))
    .digest('hex');
  const config = {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/bin'], Cmd: command },
    rootfs: { type: 'layers', diff_ids: [`sha256:${diff}`] },
    history: [{ created: '2026-01-01T00:00:00Z', created_by: 'test' }],
  };
  const manifest = [{ Config: 'config.json', RepoTags: [imageName], Layers: ['layer.tar'] }];
  writeFileSync(`${directory}/config.json`, JSON.stringify(config));
  writeFileSync(`${directory}/manifest.json`, JSON.stringify(manifest));
  const archive = `${directory}/image.tar`;
  execFileSync('tar', ['-C', directory, '-cf', archive, 'manifest.json', 'config.json', 'layer.tar']);
  return archive;
}

/** A daemon of an engine, started by hand. Its words go to a file. */
export interface Daemon {
  log: string;
  stop(): Promise<void>;
}

export async function startDaemon(
  file: string,
  args: readonly string[],
  log: string,
  ready: () => boolean,
): Promise<Daemon> {
  const fd = openSync(log, 'w');
  const child = spawn(file, args, { env: toolEnv(), stdio: ['ignore', fd, fd] });
  closeSync(fd);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(kill);
    // dockerd binds its data directory onto itself where what it lies on is not shared, and leaves that.
    for (const at of mountsBelow(dirname(log))) run('umount', [at]);
  };
  for (let tries = 0; !ready(); tries++) {
    if (tries > 300 || child.exitCode !== null) {
      await stop();
      throw new Error(`${file} does not come up:\n${readFileSync(log, 'utf8').slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { log, stop };
}

/** The innermost first. */
function mountsBelow(directory: string): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const places = lines.map((line) => line.split(' ')[4] ?? '');
  return places.filter((at) => at.startsWith(`${directory}/`)).reverse();
}

/** Run a client with a terminal of its own, as a person has (script(1)). */
export const withTerminal = (line: string): Ended =>
  run('script', ['-qec', line, '/dev/null'], { timeout: 60_000 });

/** What a call said and how it ended, in one line that can be compared; the engine's own failures (125) with their words. */
export function told({ status, stdout, stderr }: Ended): string {
  // script(1) echoes a NUL now and then, as ^@; ctr is too late to resize a terminal of a short command.
  const text = stdout
    .replaceAll(/\r|\0|\^@/g, '')
    .replaceAll(/^.*resize pty.*(\n|$)/gm, '')
    .trim();
  return `${status}: ${text}${status === 125 ? stderr : ''}`;
}

/** Why the long comparisons with runc are not made in the test machine: under emulation each call takes seconds. */
export const tooSlow = process.env.CTR_TEST_VM
  ? 'compared with runc call by call where that is quick; the shorter life in *.vm.test.ts is for here'
  : undefined;

/** A word of shell. */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** Calls of a client in one go, and what each said and how it ended: `0: hi`. IDs are not told. */
export function callAll(as: (line: string) => Ended, calls: readonly (readonly string[])[]): string[] {
  const lines = calls.map((words) => `${words.map(quote).join(' ')} </dev/null; echo "@$?"`);
  const { stdout } = as(`cd /; exec 2>&1\n${lines.join('\n')}`);
  const answers = [...stdout.replaceAll(/\r/g, '').matchAll(/([\s\S]*?)@(\d+)\n/g)];
  return answers.map(([, said, status]) => `${status}: ${said!.trim()}`.replace(/[0-9a-f]{64}/, 'ID'));
}

const hierarchies = (): string[] => {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(' ')[4]!);
};

/** Groups that lie in the engine's own parent: what its containers left. */
export const groupsBelow = (parent: string): string[] =>
  hierarchies().flatMap((top) => (existsSync(join(top, parent)) ? below(join(top, parent)) : []));

function below(directory: string): string[] {
  const children = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return children.flatMap(({ name }) => [...below(join(directory, name)), join(directory, name)]);
}

/** Take away the parent itself, which the engine made and leaves. */
export function removeParent(parent: string): void {
  for (const top of hierarchies()) {
    const path = join(top, parent);
    if (!existsSync(path)) continue;
    for (const group of [...below(path), path]) removeGroup(group);
  }
}

/** Take away a group that engines share, where nothing is in it. */
export function removeParentIfEmpty(parent: string): void {
  for (const top of hierarchies()) {
    try {
      rmdirSync(join(top, parent));
    } catch {
      // There is none, or somebody else has groups in it.
    }
  }
}

/** conmon outlives its container for a moment, in a group beside it. Who stays is found by the check for leftovers. */
function removeGroup(group: string): void {
  for (let tries = 0; tries < 100 * slower; tries++) {
    try {
      rmdirSync(group);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}
