/**
 * Where a group goes. One path serves all hierarchies:
 *
 * - `/a/b`   from the root of each hierarchy, as it is mounted here
 * - `a/b`    below the group in which the caller is (on v2 beside it, unless that is the root:
 *            a group with processes cannot have controlled groups below it; runc does the same; and
 *            unless only the own one is delegated to the caller, whose processes then make room)
 * - `memory=/a/b;*=/c`  apart for each, as CTR_CGROUP says it where the caller's groups differ
 */

import { Failure } from '@ctr-tools/cli';
import { byteLength, dirname, join, relative } from '@ctr-tools/host';
import { carriedBy, type Hierarchy } from './layout.ts';
import type { View } from './view.ts';

/**
 * Throws a `Failure` for a path that climbs, is empty, or has bytes that no group's name can have; and for one that looks
 * like a unit of systemd's, which a container's may (as with runc), because an engine knows best.
 */
export function checkPath(path: string, what: string, container = false): void {
  if (/^\/*$/.test(path))
    throw new Failure(`${what} "${path}" names no group of its own; the root holds the whole machine`);
  if (!container && /^[^/]*:[^/]*:/.test(path) && !isSystemdPath(path))
    throw new Failure(
      `${what} "${path}" names no unit of systemd's; those are slice:prefix:name, and a name has no slash`,
    );
  if (path.includes('\n') || path.includes('\0'))
    throw new Failure(`${what} has a line break in it, which no group's name can have`);
  for (const part of path.split('/')) {
    if (part === '..' || part === '.')
      throw new Failure(`${what} "${path}" climbs with "${part}"; give the path without it`);
    if (byteLength(part) > 255)
      throw new Failure(`${what}: a name is longer than the 255 bytes that a file system takes`);
    if (files.test(part))
      throw new Failure(
        `${what} "${path}" has the name of a file that every group has, ${part}; choose another`,
      );
  }
}

/**
 * A container's path with `.` and `..` carried out, as runc and crun take it; one that climbs out of the hierarchy, or
 * names a unit, as it is.
 */
export function withoutDots(path: string): string {
  if (isSystemdPath(path)) return path;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (!parts.pop()) return path;
  }
  return parts.join('/');
}

/** Files of every group but the root (cgroup-v1/cgroups.rst, 1.6; cgroup-v2.rst, "Core Interface Files"). */
const files =
  /^(?:tasks|notify_on_release|cgroup\.(?:procs|threads|type|controllers|subtree_control|events|stat|kill|freeze|pressure|max\.depth|max\.descendants|clone_children))$/;

/** CTR_CGROUP: a path, or one for each hierarchy; the root is one too. Throws a `Failure`, as `checkPath`. */
export function checkVariable(text: string): void {
  for (const path of parseApart(text)?.values() ?? [text])
    if (!/^\/+$/.test(path)) checkPath(path, 'CTR_CGROUP');
}

/** `slice:prefix:name`, as runtimes word a systemd unit in cgroupsPath (runc's docs/systemd.md). */
export const isSystemdPath = (path: string): boolean => /^[^/:]*:[^/:]*:[^/:]+$/.test(path);

/** The form for each hierarchy by itself, as a map; undefined for an ordinary path. */
export function parseApart(text: string): Map<string, string> | undefined {
  if (!/^[\w*=]+=\//.test(text)) return undefined;
  const map = new Map<string, string>();
  for (const part of text.split(';')) {
    const at = part.indexOf('=/');
    map.set(part.slice(0, at), part.slice(at + 1));
  }
  return map;
}

const keyOf = (h: Hierarchy): string => (h.version === 2 ? 'unified' : carriedBy(h)[0]!);

/** The value of CTR_CGROUP for groups with these directories. */
export function variableFor(groups: readonly { hierarchy: Hierarchy; directory: string }[]): string {
  const paths = groups.map(
    ({ hierarchy, directory }) =>
      [keyOf(hierarchy), `/${relative(hierarchy.mountPoint, directory)}`] as const,
  );
  const counts = new Map<string, number>();
  for (const [, path] of paths) counts.set(path, (counts.get(path) ?? 0) + 1);
  const [usual] = [...counts].toSorted((a, b) => b[1] - a[1])[0] ?? ['/'];
  const others = paths.filter(([, path]) => path !== usual);
  if (others.length === 0) return usual;
  return [...others, ['*', usual] as const].map(([key, path]) => `${key}=${path}`).join(';');
}

/** The directory that a variable's or flag's absolute path means in a hierarchy. */
export function directoryIn(h: Hierarchy, path: string): string {
  const apart = parseApart(path);
  const below = apart ? (apart.get(keyOf(h)) ?? apart.get('*') ?? '/') : path;
  // The root of the hierarchy is its mount point, without a slash behind it.
  return join(h.mountPoint, below).replace(/(?<=.)\/+$/, '');
}

/**
 * The group below which new ones go in a hierarchy, and whether the caller runs in it by an outer cg-limit, or as the
 * delegated `unit` (its directory) of systemd's.
 */
export function parentIn(
  h: Hierarchy,
  view: View,
  variable: string | undefined,
  unit?: string,
): { directory: string; ours: boolean } {
  const own = view.joinedBelow(h.mountPoint) ?? h.directory;
  if (variable !== undefined) {
    const named = directoryIn(h, variable);
    if (view.exists(named)) return { directory: named, ours: named === own };
  }
  // Only the root of the hierarchy has no cgroup.events (cgroup-v2.rst); a namespace's root has it.
  const isRoot = !view.isFuture(own) && view.read(`${own}/cgroup.events`) === undefined;
  if (h.version === 1 || isRoot || own === h.mountPoint) return { directory: own, ours: false };
  if (own === unit) return { directory: own, ours: true };
  const delegated = ['', '/cgroup.procs', '/cgroup.subtree_control'].every((file) =>
    view.writable(own + file),
  );
  if (!view.writable(dirname(own)) && delegated) return { directory: own, ours: true };
  return { directory: dirname(own), ours: false };
}

/** A name for a new group that is not taken in any of these directories. */
export function freeName(base: string, parents: readonly string[], view: View): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base}-${n}`;
    if (!parents.some((parent) => view.exists(join(parent, name)))) return name;
  }
}
