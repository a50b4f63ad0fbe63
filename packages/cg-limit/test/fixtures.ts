import type { Host, Parsed } from '@ctr-tools/cli';
import type { AnyStep } from '@ctr-tools/plan';
import { compile, explain } from '@ctr-tools/plan';
import type { AncestorFacts, Facts, GroupFacts } from '../src/facts.ts';
import type { Abilities } from '../src/setting.ts';

const common = {
  hugePages: ['2MB', '1GB'],
  ioWeightFile: 'io.weight',
  blkioWeightFile: 'blkio.bfq.weight',
} as const;

export const v1Abilities: Abilities = {
  ...common,
  carriers: Object.fromEntries(
    [
      'memory',
      'cpu',
      'cpuacct',
      'cpuset',
      'pids',
      'blkio',
      'devices',
      'freezer',
      'hugetlb',
      'net_cls',
      'net_prio',
      'rdma',
    ].map((c) => [c, 1]),
  ),
};
export const v2Abilities: Abilities = {
  ...common,
  carriers: Object.fromEntries(
    ['memory', 'cpu', 'cpuset', 'pids', 'io', 'hugetlb', 'rdma', 'misc', 'unified'].map((c) => [c, 2]),
  ),
};

/** A v1 hierarchy with a group `name` to be made below its root. */
export const v1Group = (
  controllers: readonly string[],
  name = 'web',
  more: Partial<GroupFacts> = {},
): GroupFacts => ({
  version: 1,
  controllers,
  mountPoint: `/cg/${controllers.join(',')}`,
  directory: `/cg/${controllers.join(',')}/${name}`,
  exists: false,
  populated: false,
  missing: [`/cg/${controllers.join(',')}/${name}`],
  writable: true,
  above: [],
  ...more,
});

export const root: AncestorFacts = {
  directory: '/cg',
  enabled: ['memory'],
  root: true,
  populated: false,
  ours: false,
};

/** The v2 hierarchy with the group `/cg/a/web`, where `/cg/a` exists. */
export const v2Group = (more: Partial<GroupFacts> = {}): GroupFacts => ({
  version: 2,
  controllers: ['memory', 'cpu', 'pids', 'io', 'cpuset', 'hugetlb'],
  mountPoint: '/cg',
  directory: '/cg/a/web',
  exists: false,
  populated: false,
  missing: ['/cg/a/web'],
  writable: true,
  above: [root, { directory: '/cg/a', enabled: [], root: false, populated: false, ours: false }],
  ...more,
});

export const facts = (
  groups: readonly GroupFacts[],
  abilities: Abilities,
  more: Partial<Facts> = {},
): Facts => ({
  groups,
  abilities,
  manager: 'files',
  container: true,
  lifetime: 'kept',
  join: false,
  person: false,
  killLeft: false,
  rootless: false,
  id: 'web',
  ...more,
});

/** Steps as lines of a plan, without the words. A clone between the two sides, as there is in a container. */
export function lines(steps: readonly AnyStep[]): string[] {
  const plan = compile([steps], { tool: 'cg-limit', exit: 125 });
  return explain(plan)
    .trimEnd()
    .split('\n')
    .map((text) => text.replace(/^ *\d+ +\w+ +/, '').replace(/ {3}\[undo.*\]$/, ''));
}

export const parsed = (
  flags: Record<string, string | readonly string[]>,
  command?: readonly string[],
): Parsed => ({
  flags: new Map(Object.entries(flags).map(([name, v]) => [name, typeof v === 'string' ? [v] : v])),
  operands: [],
  command,
});

export const host: Host = {
  tool: 'cg-limit',
  argv: [],
  env: new Map(),
  pid: 1000,
  ppid: 1,
  uid: 0,
  euid: 0,
  gid: 0,
  egid: 0,
  umask: 0o22,
  fds: [0, 1, 2],
  tty: [false, false, false],
  columns: 80,
  rows: 24,
  launcher: '',
  cwd: '/',
};
