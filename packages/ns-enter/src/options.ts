/** Values of the flags, parsed and checked for what does not go together. Nothing is read here. */

import type { Host, Parsed } from '@ctr-tools/cli';
import { resolve } from '@ctr-tools/host';
import { type Kind, kinds, optionOf, parseKinds } from './kinds.ts';
import { isName, namedFile } from './names.ts';
import { refuse, refuseCombinations } from './option-refusals.ts';
import {
  binfmtPoint,
  created,
  defined,
  Given,
  idOption,
  mapOptions,
  mountPoint,
  nameOption,
  netdevs,
  netnsOption,
  ownerOption,
  pinDirectory,
  pinOptions,
  rootOption,
  seconds,
  signalOption,
  single,
  statusFd,
  sysctls,
  TARGET,
} from './option-values.ts';
import { parseTarget, type TargetName } from './target.ts';

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
  const given = new Given(parsed);
  const acting = given.has('show') || given.has('unpin');
  const join = kinds.flatMap((kind): JoinOption[] => {
    const value = given.one(optionOf(kind));
    if (value === undefined) return [];
    if (value === '') return [{ kind }];
    const named = kind === 'network' && isName(value);
    return [{ kind, file: resolve(host.cwd, value), ...(named && { name: value }) }];
  });
  const netns = netnsOption(given);
  if (netns !== undefined) join.push({ kind: 'network', file: namedFile(netns), name: netns });
  const target = given.has('target') ? parseTarget(given.one('target')!) : undefined;
  const joined = new Set(join.map((j) => j.kind));
  const create = created(given, joined);
  if (!acting) refuse(given, { join, create, ...(target && { target }) });
  const root = rootOption(given, host, create);
  const wd = given.one('wd');
  const killChild = signalOption(given);
  const options: Options = {
    ...(target && { target }),
    all: given.has('all'),
    join,
    create,
    share: parseKinds('share', given.many('share')),
    userParent: given.has('user-parent'),
    ...defined({ netSocket: given.number('net-socket', 0, 1_048_575) }),
    joinCgroup: given.has('join-cgroup'),
    followContext: given.has('follow-context'),
    mapUsers: mapOptions(given, 'users'),
    mapGroups: mapOptions(given, 'groups'),
    ...defined({
      mapUser: single(given, 'map-user'),
      mapGroup: single(given, 'map-group'),
      owner: ownerOption(given),
    }),
    ...defined({ setgroups: given.choice('setgroups', ['allow', 'deny']) }),
    keepCaps: given.has('keep-caps'),
    ...defined({ hostname: nameOption(given, 'hostname'), domainname: nameOption(given, 'domainname') }),
    ...defined({ monotonic: seconds(given, 'monotonic'), boottime: seconds(given, 'boottime') }),
    loopback: given.has('loopback'),
    netdevs: netdevs(given),
    sysctl: sysctls(given),
    ...defined({ propagation: given.choice('propagation', ['private', 'slave', 'shared', 'unchanged']) }),
    ...defined({ mountProc: mountPoint(given, 'mount-proc', '/proc') }),
    ...defined({ mountBinfmt: binfmtPoint(given), loadInterp: given.one('load-interp') }),
    ...defined({ root, wd: wd === '' ? TARGET : wd && resolve(host.cwd, wd), wdns: given.one('wdns') }),
    env: given.has('env'),
    clearEnv: given.has('clear-env'),
    ...defined({ setuid: idOption(given, 'setuid'), setgid: idOption(given, 'setgid') }),
    preserveCredentials: given.has('preserve-credentials'),
    fork: given.has('fork') || given.has('forward-signals'),
    noFork: given.has('no-fork'),
    ...defined({ killChild, statusFd: statusFd(given, host) }),
    ...defined({ pin: given.has('pin') ? pinDirectory(resolve(host.cwd, given.one('pin')!)) : undefined }),
    pins: pinOptions(given, host),
    ...defined({ netns }),
  };
  if (!acting) refuseCombinations(options, parsed);
  return options;
}

/** Whether a word names the target's own directory. */
export const isTargets = (path: string): boolean => path === TARGET;

/** `--type` of `--show`. */
export const typeOption = (values: readonly string[]): ReadonlySet<Kind> | undefined =>
  values.length === 0 ? undefined : new Set(parseKinds('type', values));
