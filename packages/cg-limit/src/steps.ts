/**
 * A spec's limits as steps: make the groups, write the limits, and let the process be born
 * in them or enter them before anything else of it exists.
 */
import { Failure, formatDuration } from '@ctr-tools/cli';
import type { LinuxResources, Spec } from '@ctr-tools/oci';
import { type AnyStep, type Phase, slot, step, undo } from '@ctr-tools/plan';
import { rlimitSteps, schedulingSteps } from '@ctr-tools/process';
import { O } from '@ctr-tools/sys/constants';
import { deviceList, deviceSteps } from './devices/steps.ts';
import { controllersSteps } from './enable.ts';
import type { CpusetValues, Facts, GroupFacts } from './facts.ts';
import { groupFor, usedGroups } from './groups.ts';
import { rdtSteps } from './rdt.ts';
import { accountSteps, keepStep } from './reports.ts';
import type { Setting } from './setting.ts';
import { settingsOf } from './settings.ts';
import { settingSteps } from './settings-steps.ts';
import { systemdSteps } from './systemd/steps.ts';

const side = 'host';

/** How long the groups may take to become empty, in ms: the first that is removed waits for all. */
const REMOVE_FIRST = 2000;
const REMOVE_OTHERS = 200;

const makeHints = {
  EACCES: 'it is not ours to write; run as root, or have it delegated (systemd: Delegate=yes)',
  EPERM: 'it is not ours to write; run as root, or have it delegated (systemd: Delegate=yes)',
  EROFS: 'the cgroup filesystem is mounted read-only here',
  EEXIST: 'somebody else made it just now; choose another name with --cgroup',
  EAGAIN: 'the hierarchy is full (cgroup.max.descendants and cgroup.max.depth of the groups above)',
  ENOSPC: 'the hierarchy is full; the kernel has no room for more groups',
};

/** Whether this process must have a parent that stays: one that removes the groups after the command. */
export const mustStay = (facts: Facts): boolean =>
  !facts.container && !facts.join && facts.lifetime === 'command' && facts.groups.length > 0;

/** All steps of `linux.resources`, `linux.cgroupsPath` and `linux.intelRdt`. Pure. */
export function steps(spec: Spec, facts: Facts): AnyStep[] {
  return [...groupSteps(spec, facts), ...timeLimitSteps(facts), ...processSteps(spec, facts)];
}

/** All hierarchies' groups have the same processes, so one is enough. */
function timeLimitSteps({ timeLimit, groups: [group] }: Facts): AnyStep[] {
  if (!timeLimit || !group) return [];
  const { after, grace } = timeLimit;
  const says = `the time limit of ${formatDuration(BigInt(after) * 1_000_000n)} (--timeout) was reached, and what ran was ended`;
  const args = { path: group.directory, ms: after, grace, says };
  return [step('cgroup', 'time_limit', args, 'limit the time', { side })];
}

/** Of a container's process packages/process does it. */
function processSteps({ process, ociVersion }: Spec, facts: Facts): AnyStep[] {
  if (!facts.person || !process) return [];
  return [
    ...rlimitSteps(process.rlimits ?? [], { raised: [] }),
    ...schedulingSteps({ ociVersion, process }, { mode: 'apply' }),
  ];
}

function groupSteps(spec: Spec, facts: Facts): AnyStep[] {
  const resources = spec.linux?.resources ?? {};
  const rdt = rdtSteps(spec, facts);
  if (facts.join) return [...enter(existing(facts), mustStay(facts)), ...variable(facts), ...rdt];
  const settings = settingsOf(resources, facts.abilities, facts.current);
  const groups = usedGroups(facts);
  for (const { controller, version, what } of settings)
    if (!groupFor(groups, controller, version)) throw notOurs(controller, version, what, facts);
  if (facts.manager === 'systemd') {
    if (facts.owner)
      throw new Failure(
        '--owner is for a group of files: add --manager files, or have systemd delegate one (Delegate=yes with User=)',
      );
    const cloned = facts.container || mustStay(facts);
    // Those of v1 that systemd leaves alone.
    const own = groups.filter((g) => !g.bySystemd);
    return [
      ...leaving(facts),
      ...own.flatMap((group, i) => makeSteps(group, i, own.length, settings, facts)),
      ...systemdSteps(spec, settings, groups, facts, cloned),
      ...enter(own, cloned),
      // By then systemd has made the scope, and the command does not run yet.
      ...(facts.killLeft
        ? groups.filter((g) => g.bySystemd).map((g) => killLeftStep(g.directory, 'ready'))
        : []),
      ...rdt,
    ];
  }
  if (groups.length === 0) return rdt;
  return [
    ...leaving(facts),
    ...byFiles(resources, settings, groups, facts),
    ...enter(groups, facts.container || mustStay(facts)),
    ...variable(facts),
    ...rdt,
  ];
}

/** The groups with their limits, and nobody in them yet. */
function byFiles(
  resources: LinuxResources,
  settings: readonly Setting[],
  groups: readonly GroupFacts[],
  facts: Facts,
): AnyStep[] {
  refuseExisting(groups, facts);
  return [
    ...groups.flatMap((group, i) => makeSteps(group, i, groups.length, settings, facts)),
    ...(mustStay(facts) ? accountSteps(settings, groups) : []),
    ...settingSteps(settings, groups),
    ...deviceSteps(deviceList(resources, facts), groups, facts, {
      files: 'cgroup',
      filter: devicePhase(facts),
    }),
  ];
}

/** Groups for a process that runs: only those that limit it, for it stays where it is else. Throws where nothing is limited. */
export function groupsFor(
  resources: LinuxResources,
  facts: Facts,
): { groups: GroupFacts[]; steps: AnyStep[] } {
  const settings = settingsOf(resources, facts.abilities);
  const devices = (resources.devices?.length ?? 0) > 0;
  const groups = usedGroups(facts).filter(
    (group) =>
      settings.some(({ controller, version }) => groupFor([group], controller, version)) ||
      (devices && (group.version === 2 || group.controllers.includes('devices'))),
  );
  for (const { controller, version, what } of settings)
    if (!groupFor(groups, controller, version)) throw notOurs(controller, version, what, facts);
  return { groups, steps: byFiles(resources, settings, groups, facts) };
}

/** The command leaves a service: one line of its log says so, and what to do. */
function leaving({ leaves, manager }: Facts): AnyStep[] {
  if (leaves === undefined) return [];
  const where =
    manager === 'systemd'
      ? `a scope of its own, where the limits of the service do not hold`
      : `a group beside it, where the limits of the service do not hold and its stop ends nothing`;
  const text = `cg-limit: the command leaves ${leaves} for ${where}; with Delegate=yes in the unit it stays below`;
  return [
    step('cgroup', 'print', { fd: 2, text }, 'say that the command leaves the service', {
      side,
      unless: ['any'],
    }),
  ];
}

/**
 * Rules for devices hold for the command, and the kernel's check of a filter takes the longest of all
 * limits: with a container that is while it makes itself, and before it may go on (as runc does).
 */
const devicePhase = ({ container }: Facts): Phase => (container ? 'network' : 'cgroup');

function notOurs(controller: string, version: 1 | 2, what: string, facts: Facts): Failure {
  const { directory } = groupFor(facts.groups, controller, version) ?? { directory: 'the cgroup' };
  return new Failure(
    `set ${what}: ${directory} cannot be made by this user; run as root, or have a group delegated (systemd-run --user --scope -p Delegate=yes)`,
  );
}

/** Groups that are there already: a container may take an empty one, as runc does; a command needs `--join`. */
function refuseExisting(groups: readonly GroupFacts[], facts: Facts): void {
  const there = groups.find((g) => g.exists && (g.populated || !facts.container));
  if (!there) return;
  if (there.populated)
    throw new Failure(
      facts.container
        ? `the cgroup ${there.directory} is in use: processes are in it; choose another linux.cgroupsPath`
        : `the cgroup ${there.directory} is in use; --join enters it, and --update changes its limits`,
    );
  throw new Failure(`the cgroup ${there.directory} exists already; --join enters it, --remove removes it`);
}

function existing(facts: Facts): GroupFacts[] {
  const groups = facts.groups.filter((g) => g.exists);
  if (groups.length === 0)
    throw new Failure(
      `join the cgroup ${facts.groups[0]?.directory ?? ''}: there is no such group in any hierarchy`,
    );
  return groups;
}

/** Make one group and what is missing above it. */
function makeSteps(
  group: GroupFacts,
  index: number,
  count: number,
  settings: readonly Setting[],
  facts: Facts,
): AnyStep[] {
  const made: AnyStep[] = [];
  const enable = controllersSteps(group, settings, facts);
  made.push(...enable.above);
  for (const { directory, ...values } of group.starved ?? []) made.push(...inherit(directory, values));
  for (const directory of group.missing) {
    const leaf = directory === group.directory;
    made.push(
      step('cgroup', 'mkdir', { path: directory, mode: 0o755 }, `make the cgroup ${directory}`, {
        side,
        hints: makeHints,
        undo: leaf
          ? removal(group, index === count - 1, facts)
          : undo('end', 'remove', { path: directory, what: 'vacant' }, `remove the cgroup ${directory}`),
        // Two starts may make the same group above theirs at once.
        ...(!leaf && { unless: ['EEXIST'] }),
      }),
    );
    if (leaf && facts.lifetime === 'kept' && !facts.container) made.push(keepStep(directory));
    if (group.inherit) made.push(...inherit(directory, group.inherit));
    if (!leaf) made.push(...enable.below(directory));
    if (leaf && facts.owner) made.push(...ownerSteps(group, facts.owner));
    if (leaf && facts.killLeft) made.push(killLeftStep(directory, 'cgroup'));
  }
  return made;
}

/**
 * What is given away is the directory and the files by which processes and controllers are moved; limits are not
 * (cgroups(7), "Delegation of a hierarchy"; /sys/kernel/cgroup/delegate).
 */
const delegated = {
  1: ['tasks', 'cgroup.procs'],
  2: ['cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control'],
} as const;

function ownerSteps(
  { directory, version }: GroupFacts,
  { uid, gid }: { uid: number; gid: number },
): AnyStep[] {
  const hints = { EPERM: 'only root gives a group away' };
  return [directory, ...delegated[version].map((file) => `${directory}/${file}`)].map((path) =>
    step('cgroup', 'chown', { path, uid, gid }, `give ${path} to ${uid}:${gid}`, {
      side,
      hints,
      unless: ['ENOENT'],
    }),
  );
}

/** Undone before the group is removed, which would stay for what is in it. */
const killLeftStep = (path: string, phase: Phase): AnyStep =>
  step(phase, 'inode', { path, fd: -1, filesystem: 0, inode: slot('group.inode') }, `look at ${path}`, {
    side,
    undo: undo('end', 'cgroup_kill', { path }, `kill what is left in ${path}`),
  });

const removal = (group: GroupFacts, first: boolean, facts: Facts) => {
  const path = group.directory;
  const timeout = first ? REMOVE_FIRST : REMOVE_OTHERS;
  const doing = `remove the cgroup ${path}`;
  const when = facts.lifetime === 'command' ? 'end' : 'failure';
  if (!mustStay(facts)) return undo(when, 'cgroup_remove', { path, timeout }, doing);
  return undo(when, 'cgroup_end', { path, timeout, ...leftWords(facts, path) }, doing);
};

/** Why a group stays after its command: the same words for all hierarchies, so that they are said once. */
function leftWords({ variable }: Facts, path: string): { left: string; kept: string } {
  const name = variable ?? path;
  const target = /^[\w./-]+$/.test(name) ? name : `'${name}'`;
  return {
    left: `the cgroup ${target} stays, for processes are still in it; end them with --kill, and then --remove it`,
    kept: `the cgroup ${target} stays, for a group in it was made with --keep; cg-limit --remove ${target} removes both`,
  };
}

/** A new v1 cpuset is empty, and nothing can enter it (cpusets.rst 1.4); with clone_children it has them already. */
function inherit(directory: string, { cpus, mems }: CpusetValues): AnyStep[] {
  const write = (file: string, data: string): AnyStep =>
    step(
      'cgroup',
      'write',
      { path: `${directory}/${file}`, data },
      `give ${directory} the ${file} of the group above`,
      { side },
    );
  return [...(cpus ? [write('cpuset.cpus', cpus)] : []), ...(mems ? [write('cpuset.mems', mems)] : [])];
}

/**
 * Enter groups. On v1 a process that writes 0 to `tasks` moves only itself and waits for no
 * lock (cgroup_procs_write_start takes cgroup_threadgroup_rwsem only for whole processes or
 * others); a new process has one thread. On v2 it is born in the group where it is `cloned`
 * (CLONE_INTO_CGROUP, clone(2)), else it moves itself.
 */
export function enter(
  groups: readonly Pick<GroupFacts, 'version' | 'directory' | 'home'>[],
  cloned: boolean,
): AnyStep[] {
  return groups.flatMap(({ version, directory, home }) => {
    const doing = `enter the cgroup ${directory}`;
    // Who is in a group that it made cannot remove it again.
    const back = cloned ? undefined : home;
    if (version === 1) return [joinBy(`${directory}/tasks`, doing, back && `${back}/tasks`)];
    if (!cloned) return [joinBy(`${directory}/cgroup.procs`, doing, back && `${back}/cgroup.procs`)];
    const flags = O.RDONLY | O.DIRECTORY | O.CLOEXEC;
    const fd = slot('cgroup');
    return [
      step('cgroup', 'open', { path: directory, flags, fd }, `open the cgroup ${directory}`, {
        side,
      }),
    ];
  });
}

const joinBy = (path: string, doing: string, back: string | undefined): AnyStep =>
  step('cgroup-join', 'write', { path, data: '0' }, doing, {
    ...(back !== undefined && {
      undo: undo('failure', 'write', { path: back, data: '0' }, `go back to ${back}`),
    }),
    hints: {
      EACCES:
        'moving a process needs the right to write the group that holds both places (cgroups(7), Delegation)',
      EBUSY:
        'the group has groups with controllers below it, so it may have no processes of its own (cgroups(7), no internal processes)',
      ENOSPC: 'the group has no CPUs or memory nodes (cpuset.cpus, cpuset.mems)',
      EINVAL: 'a realtime process needs a group with realtime (cpu.rt_runtime_us)',
      EOPNOTSUPP: 'the group is threaded',
      EAGAIN: 'the limit on processes of the group is reached (pids.max)',
    },
  });

const variable = (facts: Facts): AnyStep[] =>
  facts.variable === undefined
    ? []
    : [step('environment', 'setenv', { name: 'CTR_CGROUP', value: facts.variable }, 'set CTR_CGROUP')];
