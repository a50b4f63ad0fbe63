import { readText } from '@ctr-tools/host';

/** A line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export interface MountInfo {
  id: number;
  parent: number;
  /** `MAJOR:MINOR` of what is mounted. */
  device: string;
  /** The directory of that filesystem which is the root of this mount. */
  root: string;
  mountPoint: string;
  options: readonly string[];
  /** `shared:N`, `master:N`, `propagate_from:N`, `unbindable`. */
  tags: readonly string[];
  type: string;
  source: string;
  superOptions: readonly string[];
}

/** Undo the kernel's escaping: space, tab, newline and backslash stand as three octal digits. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** Lines of a mountinfo file, in its order: a later line lies over an earlier one with the same mount point. */
export function parseMountinfo(text: string): MountInfo[] {
  const mounts: MountInfo[] = [];
  for (const line of text.split('\n')) {
    const [before, after] = line.split(' - ');
    if (before === undefined || after === undefined) continue;
    const [id, parent, device, root, mountPoint, options, ...tags] = before.split(' ');
    const [type, source, superOptions] = after.split(' ');
    mounts.push({
      id: Number(id),
      parent: Number(parent),
      device: device!,
      root: unescaped(root!),
      mountPoint: unescaped(mountPoint!),
      options: options!.split(','),
      tags,
      type: type!,
      source: unescaped(source!),
      superOptions: (superOptions ?? '').split(','),
    });
  }
  return mounts;
}

/** The mounts that a process sees. Throws a `SystemError` where it is gone or not ours to see. */
export function readMountinfo(pid: number | 'self' = 'self'): MountInfo[] {
  return parseMountinfo(readText(`/proc/${pid}/mountinfo`));
}

/**
 * What is mounted on this very path, the uppermost of several; undefined where nothing is. Found from the root on, for
 * a mount below one that another lies over is listed like any other.
 */
export function mountAt(path: string, mounts: readonly MountInfo[]): MountInfo | undefined {
  const on = (below: MountInfo | undefined, point: string): MountInfo | undefined => {
    const above = mounts.find(
      (mount) => mount.parent === below?.id && mount.mountPoint === point && mount !== below,
    );
    return above ? on(above, point) : below;
  };
  const first = mounts.find(
    (mount) => mount.mountPoint === '/' && !mounts.some(({ id }) => id === mount.parent),
  );
  let found = on(first, '/');
  for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1))
    found = on(found, path.slice(0, at));
  const last = on(found, path);
  return last !== found || path === '/' ? last : undefined;
}

/** The mount on which an absolute path without links lies: the longest mount point above it, the last of several. */
export function mountOf(path: string, mounts: readonly MountInfo[]): MountInfo | undefined {
  let found: MountInfo | undefined;
  for (const mount of mounts) {
    const point = mount.mountPoint;
    if (point !== '/' && path !== point && !path.startsWith(`${point}/`)) continue;
    if (!found || point.length >= found.mountPoint.length) found = mount;
  }
  return found;
}
