/** A host and facts as a test wants them, and a plan's text from a command line. */
import type { Host } from '@ctr-tools/cli';
import { flagsOf, parseArgv } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { type AnyStep, compile, explain } from '@ctr-tools/plan';
import type { CallerFacts, Facts, TargetFacts } from '../src/facts.ts';
import { nsEnter } from '../src/index.ts';
import { fileOf } from '../src/kinds.ts';
import type { Options } from '../src/options.ts';

export const hostOf = (changed: Partial<Host> = {}): Host => ({
  tool: 'ns-enter',
  argv: [],
  env: new Map(),
  pid: 700,
  ppid: 600,
  uid: 0,
  euid: 0,
  gid: 0,
  egid: 0,
  umask: 0o22,
  fds: [0, 1, 2],
  tty: [false, false, false],
  columns: 80,
  rows: 24,
  launcher: '/usr/bin/ns-enter',
  cwd: '/home',
  ...changed,
});

/** Inodes of the caller's namespaces: those of the first ones. */
export const own = {
  cgroup: 4026531835,
  ipc: 4026531839,
  mnt: 4026531841,
  net: 4026531840,
  pid: 4026531836,
  time: 4026531834,
  user: 4026531837,
  uts: 4026531838,
} as const;

const ALL = (1n << 41n) - 1n;

export const root: CallerFacts = {
  uid: 0,
  gid: 0,
  effective: ALL,
  permitted: ALL,
  namespaces: own,
  subuids: [],
  subgids: [],
  rootfsVariable: false,
};

export const user: CallerFacts = {
  ...root,
  uid: 1000,
  gid: 1000,
  effective: 0n,
  permitted: 0n,
  subuids: [{ owner: 'me', start: 100_000, count: 65_536 }],
  subgids: [{ owner: 'me', start: 100_000, count: 65_536 }],
  newuidmap: '/usr/bin/newuidmap',
  newgidmap: '/usr/bin/newgidmap',
};

/** A container's first process: all namespaces its own but user and time. */
export const target: TargetFacts = {
  pid: 42,
  startTime: 1234,
  namespaces: { ...own, cgroup: 1, ipc: 2, mnt: 3, net: 4, pid: 5, uts: 6 },
  uid: 0,
  gid: 0,
};

export function optionsOf(line: string, host: Host = hostOf()): Options {
  const words = line.split(' ').filter(Boolean);
  return nsEnter.options(parseArgv(words, { flags: flagsOf(nsEnter), command: nsEnter.command }), host);
}

/** Facts as `gather` would find them for these options, without looking at any machine. */
export function factsOf(options: Options | undefined, changed: Partial<Facts> = {}): Facts {
  const joins = (options?.join ?? []).map(({ kind, file }) => ({
    kind,
    path: file ?? `/proc/42/ns/${fileOf(kind)}`,
  }));
  const inodes = (changed.target ?? target).namespaces;
  return {
    ...(options && { options }),
    caller: root,
    ...(options?.target && { target }),
    joins,
    inodes: Object.fromEntries(joins.map(({ kind, path }) => [path, inodes[fileOf(kind)] ?? 9])),
    lastCapability: 40,
    procInRoot: true,
    ...changed,
  };
}

/** The operations of a person's line as a plan's text, without what packages/cli adds. */
export function planOf(line: string, changed: Partial<Facts> = {}, host: Host = hostOf()): string {
  const options = optionsOf(`${line} -- true`, host);
  const facts = factsOf(options, changed);
  return textOf(nsEnter.steps(nsEnter.amend({ ociVersion: '1.3.0' }, options, facts), facts));
}

export const planOfSpec = (
  linux: Spec['linux'],
  changed: Partial<Facts> = {},
  rest: Partial<Spec> = {},
): string =>
  textOf(
    nsEnter.steps({ ociVersion: '1.3.0', ...rest, ...(linux && { linux }) }, factsOf(undefined, changed)),
  );

export const textOf = (steps: readonly AnyStep[]): string =>
  explain(compile([steps], { tool: 'ns-enter', exit: 125 })).replace(/^ *\d+ {2}/gm, '');
