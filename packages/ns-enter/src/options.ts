/** Values of the flags, parsed and checked for what does not go together. Nothing is read here. */

import { given as givenFor, type Host, type Parsed } from '@ctr-tools/cli';
import { resolve } from '@ctr-tools/host';
import { flags } from './flags.ts';
import { type Kind, kinds } from './kinds.ts';
import {
  binfmtOf,
  created,
  defined,
  joins,
  mappedAs,
  mapsOf,
  openDescriptor,
  pinDirectory,
  pinsOf,
  rootOf,
  TARGET,
} from './option-combinations.ts';
import { refuse, refuseCombinations } from './option-refusals.ts';
import type { TargetName } from './target.ts';

/** A namespace that is to be joined: the target's, or the one that a file holds open. */
export interface JoinOption {
  kind: Kind;
  /** Absolute. */
  file?: string;
  /** The word was a name without a slash: one of ip-netns(8) goes before the file. */
  name?: string;
}

/** `--new net=FILE`: the file on which a new namespace is pinned. */
export interface PinOption {
  kind: Kind;
  /** Absolute. */
  file: string;
}

/** One `--map-users`: a range, or how to find ranges. */
export type MapOption = 'auto' | 'subids' | 'all' | { containerID: number; hostID: number; size: number };

/** `follow`: as the target has it. */
export type IdOption = number | 'follow';

export interface Options {
  target?: TargetName;
  all: boolean;
  join: readonly JoinOption[];
  create: readonly Kind[];
  share: readonly Kind[];
  userParent: boolean;
  netSocket?: number;
  joinCgroup: boolean;
  followContext: boolean;

  mapUsers: readonly MapOption[];
  mapGroups: readonly MapOption[];
  /** The caller's own ID inside: a number, a name, or `current`. */
  mapUser?: string;
  mapGroup?: string;
  owner?: { uid: number; gid: number };
  setgroups?: 'allow' | 'deny';
  keepCaps: boolean;

  hostname?: string;
  domainname?: string;
  /** Seconds; a fraction is allowed. */
  monotonic?: number;
  boottime?: number;
  loopback: boolean;
  netdevs: readonly { name: string; as?: string }[];
  sysctl: Readonly<Record<string, string>>;
  propagation?: 'private' | 'slave' | 'shared' | 'unchanged';
  mountProc?: string;
  mountBinfmt?: string;
  loadInterp?: string;

  /** Absolute, or `target`: the target's own root. */
  root?: string;
  /** Absolute, or `target`. */
  wd?: string;
  wdns?: string;
  env: boolean;
  clearEnv: boolean;
  setuid?: IdOption;
  setgid?: IdOption;
  preserveCredentials: boolean;

  fork: boolean;
  noFork: boolean;
  /** Signal number. */
  killChild?: number;
  statusFd?: number;
  pin?: string;
  /** Of `--new KIND=FILE`. */
  pins: readonly PinOption[];
  /** `--netns`: the name of ip-netns(8) whose /etc and /sys the command is to see as well. */
  netns?: string;
}

export function parseOptions(parsed: Parsed, host: Host): Options {
  const given = givenFor(flags, parsed);
  const { target, netns, wd, pin, setgroups, hostname, domainname, propagation } = given;
  const acting = parsed.flags.has('show') || parsed.flags.has('unpin');
  const join = joins(given, host);
  const create = created(given, new Set(join.map((j) => j.kind)));
  if (!acting) refuse(given, { join, create });
  const shared = new Set(given.share.flat());
  const options: Options = {
    ...(target && { target }),
    all: given.all,
    join,
    create,
    share: kinds.filter((kind) => shared.has(kind)),
    userParent: given['user-parent'],
    ...defined({ netSocket: given['net-socket'] }),
    joinCgroup: given['join-cgroup'],
    followContext: given['follow-context'],
    mapUsers: mapsOf(given, given['map-users']),
    mapGroups: mapsOf(given, given['map-groups']),
    ...defined({ mapUser: mappedAs(given, 'map-user'), mapGroup: mappedAs(given, 'map-group') }),
    ...defined({ owner: given.owner, setgroups }),
    keepCaps: given['keep-caps'],
    ...defined({ hostname, domainname, monotonic: given.monotonic, boottime: given.boottime }),
    loopback: given.loopback,
    netdevs: given.netdev,
    sysctl: Object.fromEntries(given.sysctl),
    ...defined({ propagation, mountProc: given['mount-proc'] }),
    ...defined({ mountBinfmt: binfmtOf(given), loadInterp: given['load-interp'] }),
    ...defined({ root: rootOf(given, host, create) }),
    ...defined({ wd: wd === '' ? TARGET : wd && resolve(host.cwd, wd), wdns: given.wdns }),
    env: given.env,
    clearEnv: given['clear-env'],
    ...defined({ setuid: given.setuid, setgid: given.setgid }),
    preserveCredentials: given['preserve-credentials'],
    fork: given.fork || given['forward-signals'],
    noFork: given['no-fork'],
    ...defined({ killChild: given['kill-child'], statusFd: openDescriptor(given['status-fd'], host) }),
    ...defined({ pin: pin === undefined ? undefined : pinDirectory(pin, host) }),
    pins: pinsOf(given, host),
    ...defined({ netns }),
  };
  if (!acting) refuseCombinations(options, parsed);
  return options;
}

/** Whether a word names the target's own directory. */
export const isTargets = (path: string): boolean => path === TARGET;
