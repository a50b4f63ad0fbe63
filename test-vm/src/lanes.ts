/**
 * What is run where, laid out for two cores: under emulation each machine has one of them to
 * itself, so two machines run beside each other, and the long list of root's tests is cut in
 * two. A machine has its own kernel, so nobody's left-over is taken for another's.
 */
import { anybody } from '../../test/anybody.ts';
import type { User } from './machine.ts';
import type { Boot } from './qemu.ts';

export interface Job {
  user: User;
  /** vitest's `--shard`. */
  shard?: string;
  /** Parts of the paths of the test files to be run; all where there is none. */
  files: readonly string[];
}

/** What one machine does while it is up. */
export interface Stay {
  boot: Boot;
  jobs: Job[];
}

/** Files that find something else where there is cgroup v1, on which the older kernel is the only one. */
const hierarchies = [
  'packages/cg-limit/',
  'op_cgroup',
  'ctr-run/test/run',
  'ctr-run/test/lifecycle',
  '.vm.test',
];

export interface Wanted {
  boots: readonly Boot[];
  users: readonly User[];
  /** The caller says which files. */
  chosen: boolean;
  /** There can be only one machine. */
  one: boolean;
}

/** The lanes, each a list of machines that are up one after the other. */
export function planLanes({ boots, users, chosen, one }: Wanted): Stay[][] {
  const job = (user: User, files: readonly string[], shard?: string): Job => ({
    user,
    files: chosen ? [] : files,
    ...(shard ? { shard } : {}),
  });
  const root = users.includes('root');
  const unified = boots.includes('unified');
  const first: Stay[] = [];
  const second: Stay[] = [];
  // A choice of files is short, and may be fewer than there are shards.
  const cut = unified && root && !one && !chosen;
  const jobs = [
    ...(root ? [job('root', [], cut ? '1/2' : undefined)] : []),
    ...(users.includes('vagrant') ? [job('vagrant', anybody)] : []),
  ];
  if (unified) first.push({ boot: 'unified', jobs });
  if (cut) second.push({ boot: 'unified', jobs: [job('root', [], '2/2')] });
  if (boots.includes('hybrid')) {
    second.push({
      boot: 'hybrid',
      jobs: users.map((user) => job(user, user === 'root' ? hierarchies : anybody)),
    });
  }
  return [first, second].filter((lane) => lane.length > 0);
}
