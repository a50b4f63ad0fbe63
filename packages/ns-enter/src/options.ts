/** Values of the flags, parsed and checked for what does not go together. Nothing is read here. */

import { type Host, type Parsed, UsageError } from '@ctr-tools/cli';
import { byteLength, join as joinPath, resolve } from '@ctr-tools/host';
import { parseId } from '@ctr-tools/oci';
import { SIGNALS } from '@ctr-tools/sys/constants';
import { type Kind, kinds, optionOf, parseKinds } from './kinds.ts';
import { parseMapping } from './maps.ts';
import { isName, NETNS, namedFile } from './names.ts';
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

const TARGET = 'target';

/** Read flags by name. */
class Given {
  readonly parsed: Parsed;
  constructor(parsed: Parsed) {
    this.parsed = parsed;
  }
  has(name: string): boolean {
    return this.parsed.flags.has(name);
  }
  one(name: string): string | undefined {
    return this.parsed.flags.get(name)?.[0];
  }
  many(name: string): readonly string[] {
    return this.parsed.flags.get(name) ?? [];
  }
  number(name: string, least: number, most: number): number | undefined {
    const value = this.one(name);
    if (value === undefined) return undefined;
    if (!/^\d+$/.test(value) || Number(value) < least || Number(value) > most)
      throw new UsageError(`--${name} is "${value}"; it is a number from ${least} to ${most}`);
    return Number(value);
  }
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.one(name);
    if (value === undefined || (choices as readonly string[]).includes(value)) return value as T | undefined;
    throw new UsageError(`--${name} is "${value}"; it is one of ${choices.join(', ')}`);
  }
}

function idOption(given: Given, name: string): IdOption | undefined {
  const value = given.one(name);
  if (value === undefined || value === 'follow') return value;
  const id = parseId(value, `--${name}`);
  if (id === undefined)
    throw new UsageError(`--${name} is "${value}"; it is a number, or follow to take the target's`);
  return id;
}

function seconds(given: Given, name: string): number | undefined {
  const value = given.one(name);
  if (value === undefined) return undefined;
  if (!/^[+-]?\d+(\.\d{1,9})?$/.test(value))
    throw new UsageError(`--${name} is "${value}"; it is a number of seconds, which may be negative`);
  return Number(value);
}

function signalOption(given: Given): number | undefined {
  const value = given.one('kill-child');
  if (value === undefined) return undefined;
  const name = value === '' ? 'KILL' : value.toUpperCase();
  const known = SIGNALS;
  const number = /^\d+$/.test(name) ? Number(name) : (known[name] ?? known[`SIG${name}`]);
  if (number === undefined || number < 1 || number > 64)
    throw new UsageError(`--kill-child: "${value}" is not a signal; write KILL, SIGTERM or 15`);
  return number;
}

function mapOptions(given: Given, plural: 'users' | 'groups'): MapOption[] {
  const words = [...given.many(`map-${plural}`)];
  if (given.has('map-auto')) words.push('auto');
  if (given.has('map-subids')) words.push('subids');
  return words.map((word) =>
    word === 'auto' || word === 'subids' || word === 'all' ? word : parseMapping(`map-${plural}`, word),
  );
}

function single(given: Given, name: 'map-user' | 'map-group'): string | undefined {
  const ways = [
    given.has(name) ? given.one(name)! : undefined,
    given.has('map-root-user') ? '0' : undefined,
    given.has('map-current-user') ? 'current' : undefined,
  ].filter((way) => way !== undefined);
  if (ways.length > 1)
    throw new UsageError(
      `--${name}, --map-root-user and --map-current-user each say what the caller is inside; give one`,
    );
  return ways[0];
}

function netdevs(given: Given): { name: string; as?: string }[] {
  return given.many('netdev').map((value) => {
    const [name, as] = value.split('=', 2) as [string, string?];
    for (const word of as === undefined ? [name] : [name, as]) {
      // IFNAMSIZ, and dev_valid_name() of net/core/dev.c.
      if (!/^[^\s/:]{1,15}$/.test(word) || word === '.' || word === '..')
        throw new UsageError(
          `--netdev ${value}: "${word}" cannot be an interface's name (up to 15 characters, no space, / or :)`,
        );
    }
    return { name, ...(as !== undefined && { as }) };
  });
}

function sysctls(given: Given): Record<string, string> {
  return Object.fromEntries(
    given.many('sysctl').map((value) => {
      const at = value.indexOf('=');
      if (at < 1) throw new UsageError(`--sysctl "${value}" is not NAME=VALUE`);
      return [value.slice(0, at), value.slice(at + 1)];
    }),
  );
}

/** The kinds that flags ask to be created, those that they only imply included. */
function created(given: Given, joined: ReadonlySet<Kind>): Kind[] {
  const words = given.many('new').flatMap((value) => value.split(','));
  const create = new Set(
    parseKinds(
      'new',
      words.map((word) => word.replace(/=.*/s, '')),
    ),
  );
  const implied = (kind: Kind, flags: readonly string[]): void => {
    if (!joined.has(kind) && flags.some((flag) => given.has(flag))) create.add(kind);
  };
  implied('user', [
    'map-root-user',
    'map-current-user',
    'map-user',
    'map-group',
    'map-users',
    'map-groups',
    'map-auto',
    'map-subids',
    'owner',
    'setgroups',
    'mount-binfmt',
    'load-interp',
  ]);
  implied('mount', ['mount-proc', 'mount-binfmt', 'load-interp', 'netns']);
  implied('uts', ['hostname', 'domainname']);
  implied('time', ['monotonic', 'boottime']);
  implied('network', ['netdev']);
  return kinds.filter((kind) => create.has(kind));
}

/** Those of `--new` that have a file. A name alone is one of ip-netns(8) for a network, and else a file here. */
function pinOptions(given: Given, host: Host): PinOption[] {
  const pins = given
    .many('new')
    .flatMap((value) => value.split(','))
    .flatMap((word): PinOption[] => {
      const at = word.indexOf('=');
      if (at < 0) return [];
      const [kind, ...more] = parseKinds('new', [word.slice(0, at)]);
      const file = word.slice(at + 1);
      if (file === '' || more.length > 0)
        throw new UsageError(`--new ${word}: one kind and one file to pin it on, as net=/run/netns/blue`);
      return [
        { kind: kind!, file: kind === 'network' && isName(file) ? namedFile(file) : resolve(host.cwd, file) },
      ];
    });
  const twice = pins.find(({ kind, file }, i) =>
    pins.some((p, j) => j > i && (p.kind === kind || p.file === file)),
  );
  if (twice) throw new UsageError(`--new ${optionOf(twice.kind)}=${twice.file}: one file for one kind`);
  if (pins.length > 0 && given.has('pin'))
    throw new UsageError('--pin and --new KIND=FILE both say where namespaces are pinned; give one');
  return pins;
}

/** `--netns NAME` is `--net=NAME` and more. */
function netnsOption(given: Given): string | undefined {
  const name = given.one('netns');
  if (name === undefined) return undefined;
  if (!isName(name))
    throw new UsageError(`--netns ${name}: a name of ip-netns(8) has no slash; --net=FILE joins by file`);
  for (const other of ['net', 'net-socket', 'root', 'mount'])
    if (given.has(other))
      throw new UsageError(
        `--netns and --${other} do not go together: it is --net=NAME with a /sys and an /etc for it`,
      );
  return name;
}

const showOnly = [
  ...['json', 'tree', 'output', 'output-all', 'type', 'noheadings', 'raw'],
  ...['filter', 'persistent', 'list-columns'],
];

export function parseOptions(parsed: Parsed, host: Host): Options {
  const given = new Given(parsed);
  const acting = given.has('show') || given.has('unpin');
  if (!given.has('show')) {
    const wrong = showOnly.find((name) => given.has(name));
    if (wrong) throw new UsageError(`--${wrong} says how --show prints; give --show as well`);
  }
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

/** What lies in the directory of ip-netns(8) it takes for network namespaces, and says errors of all else. */
function pinDirectory(path: string): string {
  if (path === NETNS || path.startsWith(`${NETNS}/`))
    throw new UsageError(
      `--pin ${path}: each file there is a network namespace of ip-netns(8); pin one with --new net=${joinPath(NETNS, 'NAME')}`,
    );
  return path;
}

/** Only what is not undefined. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, v]) => v !== undefined)) as never;
}

function rootOption(given: Given, host: Host, create: readonly Kind[]): string | undefined {
  const root = given.one('root');
  if (root === '') {
    if (!given.has('target'))
      throw new UsageError('--root without =DIR is the root of a --target, and there is none');
    return TARGET;
  }
  if (root !== undefined) return resolve(host.cwd, root);
  const inherited = given.has('new') && !given.has('target') ? host.env.get('CTR_ROOTFS') : undefined;
  return inherited && create.length > 0 ? resolve(host.cwd, inherited) : undefined;
}

function mountPoint(given: Given, flag: string, usual: string): string | undefined {
  const value = given.one(flag);
  if (value === undefined) return undefined;
  if (value !== '' && !value.startsWith('/'))
    throw new UsageError(`--${flag}=${value}: give the path from the root, beginning with /`);
  return value === '' ? usual : value;
}

const binfmtPoint = (given: Given): string | undefined =>
  mountPoint(given, 'mount-binfmt', '/proc/sys/fs/binfmt_misc') ??
  (given.has('load-interp') ? '/proc/sys/fs/binfmt_misc' : undefined);

function ownerOption(given: Given): { uid: number; gid: number } | undefined {
  const value = given.one('owner');
  if (value === undefined) return undefined;
  const [uid, gid, ...rest] = value.split(':').map((word) => parseId(word, '--owner'));
  if (uid === undefined || gid === undefined || rest.length > 0)
    throw new UsageError(`--owner is "${value}"; it is UID:GID in numbers`);
  return { uid, gid };
}

/** sethostname(2) and setdomainname(2) take 64 bytes (`__NEW_UTS_LEN`). */
function nameOption(given: Given, flag: string): string | undefined {
  const value = given.one(flag);
  if (value !== undefined && byteLength(value) > 64)
    throw new UsageError(`--${flag} is ${byteLength(value)} bytes long; the kernel takes 64`);
  return value;
}

function statusFd(given: Given, host: Host): number | undefined {
  const fd = given.number('status-fd', 0, 1_048_575);
  if (fd !== undefined && !host.fds.includes(fd))
    throw new UsageError(
      `--status-fd ${fd}: that descriptor is not open; open it in the shell, as in ${fd}>status.json`,
    );
  return fd;
}

/** What can be refused by the flags' presence alone. */
function refuse(given: Given, { target, join, create }: Pick<Options, 'target' | 'join' | 'create'>): void {
  if (!target) {
    const bare = join.filter((j) => j.file === undefined).map((j) => j.kind);
    if (bare.length > 0) {
      const flags = bare.map((kind) => `--${optionOf(kind)}`).join(' ');
      const example = optionOf(bare[0]!);
      throw new UsageError(
        `${flags}: join whose? Add --target PID, or --${example}=FILE; to create new namespaces: --new ${bare.map(optionOf).join(',')}`,
      );
    }
    for (const name of ['all', 'user-parent', 'net-socket', 'join-cgroup', 'follow-context', 'env'])
      if (given.has(name)) throw new UsageError(`--${name} needs to know of which process: add --target PID`);
    for (const name of ['setuid', 'setgid'])
      if (given.one(name) === 'follow') throw new UsageError(`--${name} follow needs --target PID`);
    if (given.one('wd') === '')
      throw new UsageError('--wd without =DIR is the working directory of a --target, and there is none');
  }
  const both = create.filter((kind) => join.some((j) => j.kind === kind));
  if (both.length > 0)
    throw new UsageError(`${both.map(optionOf).join(', ')}: either joined or created, not both`);
  if (given.has('wd') && given.has('wdns'))
    throw new UsageError('--wd and --wdns both say where to start; give one');
  if (given.has('fork') && given.has('no-fork'))
    throw new UsageError('--fork and --no-fork contradict one another');
  if (given.has('env') && given.has('clear-env'))
    throw new UsageError('--env and --clear-env contradict one another');
  if (given.has('net-socket') && join.some((j) => j.kind === 'network'))
    throw new UsageError('--net-socket and --net both name a network namespace; give one');
}

function refuseCombinations(o: Options, parsed: Parsed): void {
  const applying = parsed.command !== undefined;
  if (applying && o.share.length > 0)
    throw new UsageError(
      '--share takes namespaces out of a spec; beside a command, leave out what you do not want from --new',
    );
  for (const kind of o.share)
    if (o.create.includes(kind)) throw new UsageError(`${optionOf(kind)}: either --new or --share, not both`);
  if (
    o.noFork &&
    (o.killChild !== undefined || o.statusFd !== undefined || pinned(o) || o.netdevs.length > 0)
  )
    throw new UsageError(
      '--no-fork leaves nobody for --kill-child, --status-fd, --pin or --netdev; leave it out',
    );
  if (!applying && o.pins.length > 0)
    throw new UsageError(
      `--new ${optionOf(o.pins[0]!.kind)}=FILE pins what a command is in, and a spec cannot say it; --${optionOf(o.pins[0]!.kind)}=FILE joins one that is there`,
    );
  if (o.pin !== undefined && o.create.length === 0)
    throw new UsageError('--pin keeps new namespaces; say which with --new');
  if (o.loopback && !o.create.includes('network') && !o.join.some((j) => j.kind === 'network'))
    throw new UsageError('--loopback brings up lo in a network namespace; add --new net');
  if (o.create.includes('network') || o.netdevs.length === 0) return;
  if (applying)
    throw new UsageError(
      '--netdev moves an interface into a new network namespace; it cannot be joined as well',
    );
}

/** Whether new namespaces are pinned, in a directory or on files. */
export const pinned = (o: Options): boolean => o.pin !== undefined || o.pins.length > 0;

/** Whether a word names the target's own directory. */
export const isTargets = (path: string): boolean => path === TARGET;

/** `--type` of `--show`. */
export const typeOption = (values: readonly string[]): ReadonlySet<Kind> | undefined =>
  values.length === 0 ? undefined : new Set(parseKinds('type', values));
