/** podman with a store of its own, over root file systems that a test has made; nothing of it stays. */
import { chmodSync, writeFileSync } from 'node:fs';
import {
  type Ended,
  needs,
  type RunOptions,
  run,
  runTool,
  skip,
  tempDir,
  untilNobodyNames,
} from '../../../../test/support.ts';
import { busyboxRoot } from '../bundles.ts';
import { quote, removeParent, tooSlow } from './engine.ts';

type Context = Parameters<typeof skip>[0];

/** Skip where podman is missing, or each of its calls takes seconds. */
export function needsPodman(
  context: Context,
  ...more: Parameters<typeof needs> extends [unknown, ...infer R] ? R : never
): void {
  if (tooSlow !== undefined) skip(context, tooSlow);
  needs(context, 'root', 'command:podman', ...more);
}

/** How often a race is tried: what podman does around a runtime takes a second. */
export const podmanTries = 10;

export function podmanFor(name: string) {
  const parent = `/ctr-test-podman-${name}-${process.pid}`;
  let store = '';
  const argv = (runtime: string, words: readonly string[]): string[] => {
    store ||= tempDir('podman');
    const own = ['--root', `${store}/root`, '--runroot', `${store}/run`, '--tmpdir', `${store}/tmp`];
    const manner = ['--cgroup-manager', 'cgroupfs', '--storage-driver', 'vfs', '--events-backend', 'file'];
    return [...own, ...manner, '--runtime', runtime, ...words];
  };
  const call = (runtime: string, words: readonly string[], options: RunOptions = {}): Ended =>
    run('podman', argv(runtime, words), { timeout: 60_000, ...options });
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];
  /** Flags that every container has, and where its root lies. */
  const made = (root: string, flags: readonly string[]): string[] => [
    ...['--network', 'none', '--cgroup-parent', parent, ...limits],
    ...flags,
    '--rootfs',
    root,
  ];
  let count = 0;
  return {
    call,
    /** Run a command to its end. */
    first: (
      runtime: string,
      root: string,
      command: readonly string[],
      flags: readonly string[] = [],
    ): Ended => call(runtime, ['run', '--rm', ...made(root, flags), ...command]),
    /** The same on a terminal. */
    onTerminal: (
      runtime: string,
      root: string,
      command: readonly string[],
      flags: readonly string[] = [],
    ): Ended => {
      const words = argv(runtime, ['run', '--rm', '--tty', ...made(root, flags), ...command]);
      return run('script', ['-qec', ['podman', ...words].map(quote).join(' '), '/dev/null'], {
        timeout: 60_000,
      });
    },
    /** With a container that has been made, and started unless it is only to be created, until `look` has ended. */
    async among<T>(
      runtime: string,
      root: string,
      command: readonly string[],
      look: (container: string) => T | Promise<T>,
      { flags = [], only = false }: { flags?: readonly string[]; only?: boolean } = {},
    ): Promise<T> {
      const container = `ctr-test-${process.pid}-${count++}`;
      const how = only ? ['create'] : ['run', '--detach'];
      const begun = call(runtime, [...how, '--name', container, ...made(root, flags), ...command]);
      try {
        if (begun.status === 0 && only) Object.assign(begun, call(runtime, ['init', container]));
        if (begun.status !== 0) throw new Error(begun.stderr);
        return await look(container);
      } finally {
        call(runtime, ['rm', '--force', '--time', '0', container]);
        // An attack may have spoilt the runtime that podman asked.
        const id = begun.stdout.trim();
        if (id !== '') runTool('ctr-run', ['delete', '--force', id]);
      }
    },
    /** What there was of it goes. */
    async end(): Promise<void> {
      if (store === '') return;
      await untilNobodyNames(store);
      removeParent(parent);
    },
  };
}

/** A root with busybox in it. */
export function newRoot(): string {
  const root = tempDir('root');
  busyboxRoot(root);
  // For ordinary users too.
  chmodSync(root, 0o755);
  return root;
}

/** podman says itself with what a runtime is called; a script stands before it. `"$@"` is the call. */
export function runtimeThrough(lines: string): string {
  const path = `${tempDir('runtime')}/ctr-run`;
  writeFileSync(path, `#!/bin/sh\n${lines}\n`);
  chmodSync(path, 0o755);
  return path;
}
