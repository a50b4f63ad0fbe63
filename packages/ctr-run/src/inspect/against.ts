/** Where what runs is not what a config.json asks for. Pure but for what `Lookup` asks. */

import { maskOf, shortNames } from '@ctr-tools/caps-drop/looking';
import { namespaceFile, type Spec } from '@ctr-tools/oci';
import type { Row } from './compare.ts';
import { type Facts, type IdRange, isIdentity, type MountFact, namespaceOf } from './facts.ts';
import { isMask, writable } from './openings/paths.ts';

/** What is asked of the machine meanwhile. */
export interface Lookup {
  exists(path: string): boolean;
  /** The inode of a namespace's file. */
  inode(path: string): number | undefined;
}

/** `a` is what was asked, `b` what is. Only what the spec says and what could be seen is compared. */
export function against(facts: Facts, spec: Spec, lookup: Lookup): Row[] {
  return [
    ...namespaces(facts, spec, lookup),
    ...processRows(facts, spec),
    ...capabilities(facts, spec),
    ...limits(facts, spec),
    ...mounts(facts, spec),
    ...paths(facts, spec, lookup),
    ...resources(facts, spec),
  ];
}

const row = (what: string, a: string, b: string): Row[] => (a === b ? [] : [{ what, a, b }]);
const yes = (value: boolean): string => (value ? 'yes' : 'no');

function namespaces(facts: Facts, { linux }: Spec, { inode }: Lookup): Row[] {
  const asked = linux?.namespaces ?? [];
  const rows = Object.entries(namespaceFile).flatMap(([kind, type]): Row[] => {
    const found = namespaceOf(facts, type);
    const wanted = asked.find((n) => n.type === kind);
    if (!found || found.ofPid1 === undefined) return [];
    const what = `linux.namespaces, ${kind}`;
    if (wanted?.path !== undefined) {
      const there = inode(wanted.path);
      return there === undefined
        ? []
        : row(
            what,
            `${wanted.path} (${there})`,
            `${there === found.inode ? `${wanted.path} ` : ''}(${found.inode})`,
          );
    }
    // Without an entry it is the caller's (config-linux.md, Namespaces), which need not be PID 1's.
    if (!wanted) return found.ofPid1 || found.ofCaller ? [] : row(what, 'shared', 'its own');
    return row(what, 'its own', found.ofPid1 ? "PID 1's" : 'its own');
  });
  const mapped = asked.some(({ type, path }) => type === 'user' && path === undefined);
  const map = (which: 'uid' | 'gid'): Row[] => {
    const wanted = linux?.[`${which}Mappings`] ?? [];
    if (!mapped || wanted.length === 0) return [];
    const words = wanted.map((m) => `${m.containerID}:${m.hostID}:${m.size}`).join(' ');
    return row(`linux.${which}Mappings`, words, mapWords(facts.maps[which]));
  };
  return [...rows, ...map('uid'), ...map('gid')];
}

const mapWords = (map: readonly IdRange[]): string =>
  map.map((r) => `${r.inside}:${r.outside}:${r.count}`).join(' ');

/** An ID inside as it is outside; a map that is not there changes nothing. */
function outside(map: readonly IdRange[], id: number): number | undefined {
  if (map.length === 0 || isIdentity(map)) return id;
  const range = map.find((r) => id >= r.inside && id < r.inside + r.count);
  return range && range.outside + id - range.inside;
}

function processRows(facts: Facts, { process, linux }: Spec): Row[] {
  if (!process) return [];
  const { status, labels, seccomp, oomScoreAdj, maps } = facts;
  const { user, noNewPrivileges, apparmorProfile, selinuxLabel } = process;
  const ids = (uid: number | undefined, gid: number | undefined): string => `${uid ?? '?'}:${gid ?? '?'}`;
  const extra = (user?.additionalGids ?? []).map((id) => outside(maps.gid, id));
  return [
    ...(user
      ? row(
          'process.user',
          ids(outside(maps.uid, user.uid), outside(maps.gid, user.gid)),
          ids(status.uids[1], status.gids[1]),
        )
      : []),
    ...(user?.additionalGids
      ? row(
          'process.user.additionalGids',
          sorted(extra),
          sorted(status.groups.filter((g) => extra.includes(g) || g !== status.gids[1])),
        )
      : []),
    ...row('process.noNewPrivileges', yes(noNewPrivileges ?? false), yes(status.noNewPrivs)),
    ...(process.oomScoreAdj === undefined || oomScoreAdj === undefined
      ? []
      : row('process.oomScoreAdj', String(process.oomScoreAdj), String(oomScoreAdj))),
    ...(apparmorProfile && labels?.apparmor
      ? row('process.apparmorProfile', apparmorProfile, labels.apparmor.profile)
      : []),
    ...(selinuxLabel && labels?.selinux !== undefined
      ? row('process.selinuxLabel', selinuxLabel, labels.selinux)
      : []),
    ...(seccomp.mode === 'unknown'
      ? []
      : row('linux.seccomp', linux?.seccomp ? 'filter' : 'disabled', seccomp.mode)),
  ];
}

const sorted = (ids: readonly (number | undefined)[]): string =>
  ids
    .map((id) => id ?? -1)
    .toSorted((a, b) => a - b)
    .join(' ');

function capabilities({ status }: Facts, { process }: Spec): Row[] {
  const asked = process?.capabilities;
  if (!asked) return [];
  return (['bounding', 'effective', 'permitted', 'inheritable', 'ambient'] as const).flatMap((set) => {
    const wanted = maskOf(asked[set]).mask;
    return row(`process.capabilities.${set}`, shortNames(wanted), shortNames(status[set]));
  });
}

function limits(facts: Facts, { process }: Spec): Row[] {
  return (process?.rlimits ?? []).flatMap(({ type, soft, hard }) => {
    const found = facts.limits.find((l) => l.type === type);
    return found
      ? row(`process.rlimits, ${type}`, `${limit(soft)}:${limit(hard)}`, `${found.soft}:${found.hard}`)
      : [];
  });
}

/** RLIM_INFINITY is all ones, which JSON may have as -1 too. */
const limit = (value: number | bigint): string =>
  BigInt.asUintN(64, BigInt(value)) === 0xffffffffffffffffn ? 'unlimited' : String(value);

const FLAGS = ['ro', 'nosuid', 'nodev', 'noexec'] as const;

function mounts(facts: Facts, { mounts: asked = [], root: wantedRoot }: Spec): Row[] {
  const { root } = facts;
  if (!root || namespaceOf(facts, 'mnt')?.ofPid1 !== false) return [];
  const at = (path: string): MountFact | undefined => root.mounts.findLast((m) => m.mountPoint === path);
  const whole = (path: string): string => `/${path.split('/').filter(Boolean).join('/')}`;
  const top = at('/');
  const named = new Set(['/', ...asked.map(({ destination }) => whole(destination))]);
  const rows = asked.flatMap(({ destination, options = [] }): Row[] => {
    const what = `mounts, ${destination}`;
    const found = at(whole(destination));
    if (!found) return [{ what, a: 'mounted', b: 'not mounted' }];
    const flags = FLAGS.filter((flag) => options.includes(flag));
    const are = FLAGS.filter((flag) => (flag === 'ro' ? !writable(found) : found.options.includes(flag)));
    const missing = flags.filter((flag) => !are.includes(flag));
    return missing.length === 0 ? [] : [{ what, a: flags.join(','), b: are.join(',') || 'none of them' }];
  });
  // What a runtime makes itself lies below these (config-linux.md, Default Devices and Filesystems).
  const extra = root.mounts.filter(
    ({ mountPoint }) => !named.has(mountPoint) && !/^\/(proc|sys|dev)(\/|$)/.test(mountPoint),
  );
  return [
    ...(top ? row('root.readonly', yes(wantedRoot?.readonly ?? false), yes(!writable(top))) : []),
    ...rows,
    ...extra.map(({ mountPoint, host }) => ({
      what: `mounts, ${mountPoint}`,
      a: 'nothing',
      b: host === undefined ? 'mounted' : `mounted from ${host}`,
    })),
  ];
}

function paths(facts: Facts, { linux }: Spec, { exists }: Lookup): Row[] {
  const { root } = facts;
  if (!root || namespaceOf(facts, 'mnt')?.ofPid1 !== false) return [];
  // What this kernel lacks cannot be hidden.
  const missing = (list: readonly string[], has: (mount: MountFact) => boolean): string[] =>
    list.filter((path) => {
      if (!/^\/(proc|sys)\//.test(path) || !exists(path)) return false;
      return !root.mounts.some(
        (m) => (path === m.mountPoint || path.startsWith(`${m.mountPoint}/`)) && has(m),
      );
    });
  return [
    ...missing(linux?.maskedPaths ?? [], isMask).map((path) => ({
      what: 'linux.maskedPaths',
      a: path,
      b: 'not masked',
    })),
    ...missing(linux?.readonlyPaths ?? [], (m) => !writable(m)).map((path) => ({
      what: 'linux.readonlyPaths',
      a: path,
      b: 'to be written',
    })),
  ];
}

function resources({ group }: Facts, { linux }: Spec): Row[] {
  const asked = linux?.resources;
  if (!group || !asked) return [];
  const is = (name: string): string | undefined => {
    const line = group.report.lines.find((l) => l.name === name);
    return line?.limit === undefined ? undefined : String(line.limit);
  };
  const compared = (what: string, wanted: number | bigint | undefined, name: string): Row[] => {
    const found = is(name);
    // 0 and -1 are none (config-linux.md, Memory, CPU, PIDs).
    if (wanted === undefined || wanted === 0 || found === undefined) return [];
    return row(
      `linux.resources.${what}`,
      BigInt(Math.ceil(Number(wanted))) < 0n ? 'max' : String(wanted),
      found,
    );
  };
  const { quota, period } = asked.cpu ?? {};
  const cpus = quota === undefined || Number(quota) <= 0 ? quota : Number(quota) / Number(period ?? 100_000);
  return [
    ...(isSamePages(asked.memory?.limit, is('memory'))
      ? []
      : compared('memory.limit', asked.memory?.limit, 'memory')),
    ...compared('pids.limit', asked.pids?.limit, 'pids'),
    ...compared('cpu.quota, in CPUs', cpus, 'cpu'),
    ...(asked.cpu?.cpus && is('cpus') !== undefined
      ? row('linux.resources.cpu.cpus', asked.cpu.cpus, is('cpus')!)
      : []),
  ];
}

/** The kernel counts memory in whole pages, the largest of which has 64 KiB. */
const isSamePages = (wanted: number | bigint | undefined, found: string | undefined): boolean =>
  wanted !== undefined && Number(wanted) > 0 && Math.abs(Number(wanted) - Number(found)) < 65536;
