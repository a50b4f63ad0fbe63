/** What several flags say together, or one with what the caller has. */

import { type Host, UsageError } from '@ctr-tools/cli';
import { join as joinPath, resolve } from '@ctr-tools/host';
import type { Given } from './flags.ts';
import { type Kind, kinds, optionOf } from './kinds.ts';
import { isName, NETNS, namedFile } from './names.ts';
import { BINFMT } from './option-values.ts';
import type { JoinOption, MapOption, PinOption } from './options.ts';

/** Instead of a path: the target's own. */
export const TARGET = 'target';

/** A flag's name. */
type Name = keyof Given;

/** Whether a flag was given. */
export const has = (given: Given, name: Name): boolean => {
  const value: unknown = given[name];
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
};

/** The namespaces that single flags join; of the target where there is no file. */
export function joins(given: Given, host: Host): JoinOption[] {
  const join = kinds.flatMap((kind): JoinOption[] => {
    const value = given[optionOf(kind)];
    if (value === undefined) return [];
    if (value === '') return [{ kind }];
    const named = kind === 'network' && isName(value);
    return [{ kind, file: resolve(host.cwd, value), ...(named && { name: value }) }];
  });
  const { netns } = given;
  return netns === undefined ? join : [...join, { kind: 'network', file: namedFile(netns), name: netns }];
}

/** The kinds that flags ask to be created, those that they only imply included. */
export function created(given: Given, joined: ReadonlySet<Kind>): Kind[] {
  const create = new Set(given.new.flat().flatMap((one) => one.kinds));
  const implied = (kind: Kind, flags: readonly Name[]): void => {
    if (!joined.has(kind) && flags.some((name) => has(given, name))) create.add(kind);
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
export function pinsOf(given: Given, host: Host): PinOption[] {
  const pins = given.new.flat().flatMap(({ kinds: [kind], file }): PinOption[] => {
    if (file === undefined) return [];
    return [
      { kind: kind!, file: kind === 'network' && isName(file) ? namedFile(file) : resolve(host.cwd, file) },
    ];
  });
  const twice = pins.find(({ kind, file }, i) =>
    pins.some((p, j) => j > i && (p.kind === kind || p.file === file)),
  );
  if (twice) throw new UsageError(`--new ${optionOf(twice.kind)}=${twice.file}: one file for one kind`);
  if (pins.length > 0 && given.pin !== undefined)
    throw new UsageError('--pin and --new KIND=FILE both say where namespaces are pinned; give one');
  return pins;
}

export const mapsOf = (given: Given, maps: readonly MapOption[]): MapOption[] => [
  ...maps,
  ...(given['map-auto'] ? (['auto'] as const) : []),
  ...(given['map-subids'] ? (['subids'] as const) : []),
];

/** What the caller is inside. */
export function mappedAs(given: Given, name: 'map-user' | 'map-group'): string | undefined {
  const ways = [
    given[name],
    given['map-root-user'] ? '0' : undefined,
    given['map-current-user'] ? 'current' : undefined,
  ].filter((way) => way !== undefined);
  if (ways.length > 1)
    throw new UsageError(
      `--${name}, --map-root-user and --map-current-user each say what the caller is inside; give one`,
    );
  return ways[0];
}

/** What lies in the directory of ip-netns(8) it takes for network namespaces, and says errors of all else. */
export function pinDirectory(text: string, host: Host): string {
  const path = resolve(host.cwd, text);
  if (path === NETNS || path.startsWith(`${NETNS}/`))
    throw new UsageError(
      `--pin ${path}: each file there is a network namespace of ip-netns(8); pin one with --new net=${joinPath(NETNS, 'NAME')}`,
    );
  return path;
}

export function rootOf(given: Given, host: Host, create: readonly Kind[]): string | undefined {
  const { root, target } = given;
  if (root === '') {
    if (!target) throw new UsageError('--root without =DIR is the root of a --target, and there is none');
    return TARGET;
  }
  if (root !== undefined) return resolve(host.cwd, root);
  const inherited = has(given, 'new') && !target ? host.env.get('CTR_ROOTFS') : undefined;
  return inherited && create.length > 0 ? resolve(host.cwd, inherited) : undefined;
}

export const binfmtOf = (given: Given): string | undefined =>
  given['mount-binfmt'] ?? (given['load-interp'] === undefined ? undefined : BINFMT);

/** Throws `UsageError` for a descriptor that the caller has not opened. */
export function openDescriptor(fd: number | undefined, host: Host): number | undefined {
  if (fd !== undefined && !host.fds.includes(fd))
    throw new UsageError(
      `--status-fd ${fd}: that descriptor is not open; open it in the shell, as in ${fd}>status.json`,
    );
  return fd;
}

/** Only what is not undefined. */
export function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, v]) => v !== undefined)) as never;
}
