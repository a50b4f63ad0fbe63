/** Processes in namespaces of their own, made by peers, for ns-enter to look at and to join. */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { findCommand, run, start, tempDir, until } from '../../../test/support.ts';

/** A root file system with busybox and nothing else. */
export function busyboxRoot(): string {
  const root = tempDir('ns-root');
  for (const dir of ['bin', 'proc', 'dev', 'sys', 'tmp', 'srv']) mkdirSync(join(root, dir));
  copyFileSync(findCommand('busybox')!, join(root, 'bin/busybox'));
  for (const name of [
    'sh',
    'sleep',
    'ls',
    'cat',
    'id',
    'hostname',
    'readlink',
    'ps',
    'pwd',
    'echo',
    'env',
    'true',
    'mount',
  ])
    symlinkSync('busybox', join(root, 'bin', name));
  chmodSync(root, 0o755);
  return root;
}

let number = 0;

/** A container of runc's that sleeps; its PID, and how to end it. */
export function runcContainer(change: (spec: Record<string, never>) => void = () => {}): {
  pid: number;
  end: () => void;
} {
  const bundle = tempDir('ns-bundle');
  const state = join(bundle, 'state');
  const id = `ctr-test-ns-${process.pid}-${number++}`;
  run('runc', ['spec', '--bundle', bundle]);
  const path = join(bundle, 'config.json');
  const spec = JSON.parse(readFileSync(path, 'utf8'));
  spec.process.terminal = false;
  spec.process.args = ['sleep', '1000'];
  spec.root.path = busyboxRoot();
  spec.hostname = 'runcbox';
  delete spec.linux.resources;
  change(spec);
  writeFileSync(path, JSON.stringify(spec));
  const made = run('sh', [
    '-c',
    'exec "$@" </dev/null >/dev/null 2>"$0"',
    join(bundle, 'log'),
    'runc',
    '--root',
    state,
    'run',
    '-d',
    '--bundle',
    bundle,
    id,
  ]);
  if (made.status !== 0) throw new Error(`runc: ${readFileSync(join(bundle, 'log'), 'utf8')}`);
  const { pid } = JSON.parse(run('runc', ['--root', state, 'state', id]).stdout) as { pid: number };
  return {
    pid,
    end: () => {
      run('runc', ['--root', state, 'delete', '--force', id]);
    },
  };
}

/** `unshare FLAGS sleep`, as this user: the PID of the sleeping process. Ends with the test. */
export async function unshared(
  flags: readonly string[],
  ids: { uid?: number; gid?: number } = {},
): Promise<number> {
  const forks = flags.some((flag) => /f|--fork/.test(flag));
  const { child } = start(
    'unshare',
    [...flags, ...(forks ? ['--kill-child'] : []), 'sh', '-c', 'echo ready; exec sleep 1000'],
    ids,
  );
  let out = '';
  child.stdout!.on('data', (text) => {
    out += text;
  });
  await until('unshare is ready', () => out.includes('ready'));
  if (!forks) return child.pid!;
  return Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim());
}

export const nsOf = (pid: number | 'self', kind: string): string => readlinkSync(`/proc/${pid}/ns/${kind}`);
