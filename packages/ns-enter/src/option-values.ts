/** The values of single flags. */

import { type Host, type Parsed, UsageError } from '@ctr-tools/cli';
import { byteLength, join as joinPath, resolve } from '@ctr-tools/host';
import { parseId } from '@ctr-tools/oci';
import { SIGNALS } from '@ctr-tools/sys/constants';
import { type Kind, kinds, optionOf, parseKinds } from './kinds.ts';
import { parseMapping } from './maps.ts';
import { isName, NETNS, namedFile } from './names.ts';
import type { IdOption, MapOption, PinOption } from './options.ts';

/** Instead of a path: the target's own. */
export const TARGET = 'target';

/** Read flags by name. */
export class Given {
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

export function idOption(given: Given, name: string): IdOption | undefined {
  const value = given.one(name);
  if (value === undefined || value === 'follow') return value;
  const id = parseId(value, `--${name}`);
  if (id === undefined)
    throw new UsageError(`--${name} is "${value}"; it is a number, or follow to take the target's`);
  return id;
}

export function seconds(given: Given, name: string): number | undefined {
  const value = given.one(name);
  if (value === undefined) return undefined;
  if (!/^[+-]?\d+(\.\d{1,9})?$/.test(value))
    throw new UsageError(`--${name} is "${value}"; it is a number of seconds, which may be negative`);
  return Number(value);
}

export function signalOption(given: Given): number | undefined {
  const value = given.one('kill-child');
  if (value === undefined) return undefined;
  const name = value === '' ? 'KILL' : value.toUpperCase();
  const known = SIGNALS;
  const number = /^\d+$/.test(name) ? Number(name) : (known[name] ?? known[`SIG${name}`]);
  if (number === undefined || number < 1 || number > 64)
    throw new UsageError(`--kill-child: "${value}" is not a signal; write KILL, SIGTERM or 15`);
  return number;
}

export function mapOptions(given: Given, plural: 'users' | 'groups'): MapOption[] {
  const words = [...given.many(`map-${plural}`)];
  if (given.has('map-auto')) words.push('auto');
  if (given.has('map-subids')) words.push('subids');
  return words.map((word) =>
    word === 'auto' || word === 'subids' || word === 'all' ? word : parseMapping(`map-${plural}`, word),
  );
}

export function single(given: Given, name: 'map-user' | 'map-group'): string | undefined {
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

export function netdevs(given: Given): { name: string; as?: string }[] {
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

export function sysctls(given: Given): Record<string, string> {
  return Object.fromEntries(
    given.many('sysctl').map((value) => {
      const at = value.indexOf('=');
      if (at < 1) throw new UsageError(`--sysctl "${value}" is not NAME=VALUE`);
      return [value.slice(0, at), value.slice(at + 1)];
    }),
  );
}

/** The kinds that flags ask to be created, those that they only imply included. */
export function created(given: Given, joined: ReadonlySet<Kind>): Kind[] {
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
export function pinOptions(given: Given, host: Host): PinOption[] {
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
export function netnsOption(given: Given): string | undefined {
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

/** What lies in the directory of ip-netns(8) it takes for network namespaces, and says errors of all else. */
export function pinDirectory(path: string): string {
  if (path === NETNS || path.startsWith(`${NETNS}/`))
    throw new UsageError(
      `--pin ${path}: each file there is a network namespace of ip-netns(8); pin one with --new net=${joinPath(NETNS, 'NAME')}`,
    );
  return path;
}

/** Only what is not undefined. */
export function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, v]) => v !== undefined)) as never;
}

export function rootOption(given: Given, host: Host, create: readonly Kind[]): string | undefined {
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

export function mountPoint(given: Given, flag: string, usual: string): string | undefined {
  const value = given.one(flag);
  if (value === undefined) return undefined;
  if (value !== '' && !value.startsWith('/'))
    throw new UsageError(`--${flag}=${value}: give the path from the root, beginning with /`);
  return value === '' ? usual : value;
}

export const binfmtPoint = (given: Given): string | undefined =>
  mountPoint(given, 'mount-binfmt', '/proc/sys/fs/binfmt_misc') ??
  (given.has('load-interp') ? '/proc/sys/fs/binfmt_misc' : undefined);

export function ownerOption(given: Given): { uid: number; gid: number } | undefined {
  const value = given.one('owner');
  if (value === undefined) return undefined;
  const [uid, gid, ...rest] = value.split(':').map((word) => parseId(word, '--owner'));
  if (uid === undefined || gid === undefined || rest.length > 0)
    throw new UsageError(`--owner is "${value}"; it is UID:GID in numbers`);
  return { uid, gid };
}

/** sethostname(2) and setdomainname(2) take 64 bytes (`__NEW_UTS_LEN`). */
export function nameOption(given: Given, flag: string): string | undefined {
  const value = given.one(flag);
  if (value !== undefined && byteLength(value) > 64)
    throw new UsageError(`--${flag} is ${byteLength(value)} bytes long; the kernel takes 64`);
  return value;
}

export function statusFd(given: Given, host: Host): number | undefined {
  const fd = given.number('status-fd', 0, 1_048_575);
  if (fd !== undefined && !host.fds.includes(fd))
    throw new UsageError(
      `--status-fd ${fd}: that descriptor is not open; open it in the shell, as in ${fd}>status.json`,
    );
  return fd;
}
