/** Who the owners of a root are to those who use it. */

import { Failure } from '@ctr-tools/cli';
import { readText } from '@ctr-tools/host';
import type { IDMapping, Spec } from '@ctr-tools/oci';

/** The ID maps of a user namespace, as lines of /proc/PID/uid_map (user_namespaces(7)). */
export interface Owners {
  uids: string;
  gids: string;
}

/** In the first user namespace all IDs are mapped to themselves (user_namespaces(7)). */
export function inUserNamespace(): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(readText('/proc/self/uid_map'));
}

/**
 * Whether an image's owners cannot be kept: not root, or root of a user namespace that has next to no
 * other IDs (`unshare --map-root-user`). Engines without root map 65536 of /etc/subuid.
 */
export function squashes(euid: number): boolean {
  if (euid !== 0) return true;
  const counts = readText('/proc/self/uid_map').trim().split('\n');
  return counts.reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[2]), 0) < 65_536;
}

const lines = (maps: readonly IDMapping[]): string =>
  maps.map((map) => `${map.containerID} ${map.hostID} ${map.size}\n`).join('');

/** Whose a root is in a container's user namespace: a new one, or that of a process. */
export function ownersOf(spec: Spec, path: string | undefined): Owners {
  const { uidMappings = [], gidMappings = [] } = spec.linux ?? {};
  if (path === undefined) return { uids: lines(uidMappings), gids: lines(gidMappings) };
  const process = /^(\/proc\/(?:\d+|self))\/ns\/user$/.exec(path)?.[1];
  if (!process)
    throw new Failure(
      `linux.namespaces: the owners of a root of layers in the user namespace ${path} are not known; name it by a process, /proc/PID/ns/user`,
    );
  try {
    const map = (file: string) =>
      readText(`${process}/${file}`)
        .trim()
        .replace(/[^\S\n]+/g, ' ');
    return {
      uids: `${map('uid_map').replace(/\n /g, '\n')}\n`,
      gids: `${map('gid_map').replace(/\n /g, '\n')}\n`,
    };
  } catch (error) {
    throw new Failure(`linux.namespaces: ${path}: ${(error as Error).message}`);
  }
}
