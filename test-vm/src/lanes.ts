/**
 * What is run where, laid out for two cores: under emulation each machine has one of them to
 * itself, so two machines run beside each other, and the long list of root's tests is cut in
 * two. A machine has its own kernel, so nobody's left-over is taken for another's.
 */
import { anybody } from '../../test/anybody.ts';
import { cutInTwo, type TestFile } from './files.ts';
import type { User } from './machine.ts';
import type { Boot } from './qemu.ts';
import type { Times } from './times.ts';

export interface Job {
  user: User;
  /** Which part of a list that is cut in two: `1of2`. */
  part?: string;
  /** Paths of the test files to be run, or parts of them; all where there is none. */
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
  'native/test/op_cgroup',
  'native/test/op_mount',
  'native/test/op_root',
  'packages/rootfs/test/container',
  'ctr-run/test/run.host',
  'ctr-run/test/lifecycle',
  'ctr-run/test/systemd',
  'aa-confine.vm',
  'test/machine.vm',
];

/** What the boot with SELinux is for; it has no policy but that of these tests. */
const selinux = ['aa-confine/test/selinux.vm'];

/** Until a machine answers and has the tree, and vitest has begun. In seconds. */
const BOOT = 80;

export interface Wanted {
  boots: readonly Boot[];
  users: readonly User[];
  /** The caller says which files. */
  chosen: boolean;
  /** There can be only one machine. */
  one: boolean;
  /** All files that there are. */
  files: readonly TestFile[];
  /** How long the jobs take that are not cut in two, in seconds, by boot and user. */
  times: Times['jobs'];
}

/** The lanes, each a list of machines that are up one after the other. */
export function planLanes({ boots, users, chosen, one, files, times }: Wanted): Stay[][] {
  const job = (user: User, only: readonly string[], part?: string): Job => ({
    user,
    files: chosen ? [] : only,
    ...(part ? { part } : {}),
  });
  const root = users.includes('root');
  const unified = boots.includes('unified');
  const hybrid = boots.includes('hybrid');
  // A choice of files has nothing to do there, unless somebody asks for it.
  const labelled = boots.includes('selinux') && root && (!chosen || boots.length === 1);
  // A choice of files is short, and each boot of a machine takes a minute.
  const cut = unified && root && !one && !chosen;
  const time = (boot: Boot): number =>
    users.reduce((sum, user) => sum + (times[`${boot} ${user}`] ?? 0), 0) + BOOT;
  const [ones, twos] = cutInTwo(files, [
    time('unified') + (labelled ? time('selinux') : 0),
    BOOT + (hybrid ? time('hybrid') : 0),
  ]);
  const first: Stay[] = [];
  const second: Stay[] = [];
  const jobs = [
    ...(root ? [cut ? job('root', ones, '1of2') : job('root', [])] : []),
    ...(users.includes('vagrant') ? [job('vagrant', anybody)] : []),
  ];
  if (unified) first.push({ boot: 'unified', jobs });
  if (labelled) first.push({ boot: 'selinux', jobs: [job('root', selinux)] });
  if (cut) second.push({ boot: 'unified', jobs: [job('root', twos, '2of2')] });
  if (hybrid) {
    second.push({
      boot: 'hybrid',
      jobs: users.map((user) => job(user, user === 'root' ? hierarchies : anybody)),
    });
  }
  return [first, second].filter((lane) => lane.length > 0);
}
