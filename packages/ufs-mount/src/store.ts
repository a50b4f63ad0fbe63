import { Failure, type Host } from '@ctr-tools/cli';
import { exists, namesIn, readText, resolve } from '@ctr-tools/host';
import { inUserNamespace } from './owners.ts';

/**
 * The store: a directory that holds layers, each once and whole, and the roots made of them.
 *
 *     layers/HEX/tree, info      a layer by itself, with overlay's marks, by its diff ID
 *     chains/HEX                 a layer upon those below it, by chain ID: mostly a link to the layer
 *     DRIVER/HEX/tree, info      for drivers without unions: everything up to a layer, by chain ID
 *     aufs/HEX/tree              a layer by itself with aufs's marks, by chain ID
 *     devicemapper/POOL/HEX/     the same: `device` names the volume that is to be mounted on `tree`; `loop`
 *                                is the pool over the files `data` and `metadata`, `base` what all begins with
 *     ….user, ….own              the same with marks as `user.*`, and with everything our own: what was made so means
 *                                something else to whoever reads `trusted.*`, or gives files their owners
 *     …/boot, …/durable          in which boot it was made, and that it is on the disk for good
 *     roots/ID/                  a root: root.json, changes, work directory, mount point
 *     ….lock, ….new              held, and half made, by whoever makes it (native/layers/job.c)
 *     lock                       shared by those who mount, exclusive for --gc
 */
export interface Store {
  path: string;
  /** How layers are made for whoever uses it: as root, by `user.*` marks in a user namespace, or with one owner. */
  form?: '' | '.user' | '.own';
}

/** The digest in a name of the store, or undefined for what is something else. */
export const hexOfName = (name: string): string | undefined =>
  /^([0-9a-f]+)(?:\.user|\.own)?$/.exec(name)?.[1];

/** Where the store is: CTR_STORE, else /var/lib/ctr-tools for root and $XDG_DATA_HOME/ctr-tools for others. */
export function storeOf(host: Pick<Host, 'env' | 'euid' | 'cwd'>): Store {
  const named = host.env.get('CTR_STORE');
  if (named) return { path: resolve(host.cwd, named) };
  // Root of a user namespace is somebody's, who has a home (podman unshare).
  if (host.euid === 0 && !inUserNamespace()) return { path: '/var/lib/ctr-tools' };
  const data = host.env.get('XDG_DATA_HOME');
  if (data?.startsWith('/')) return { path: `${data}/ctr-tools` };
  const home = host.env.get('HOME');
  if (home) return { path: `${home}/.local/share/ctr-tools` };
  throw new Failure('no place for layers: neither CTR_STORE, XDG_DATA_HOME nor HOME is set');
}

/** Whether what stands at a layer's place was made in this boot or has come to the disk since (native/layers/kept.c). */
export function isWhole(place: string): boolean {
  if (exists(`${place}/durable`)) return true;
  try {
    return readText(`${place}/boot`) === readText('/proc/sys/kernel/random/boot_id');
  } catch {
    return false;
  }
}

/** Directories of the thin pools of a store. */
export function poolsOf(store: string): string[] {
  try {
    return namesIn(`${store}/devicemapper`).map((name) => `${store}/devicemapper/${name}`);
  } catch {
    return [];
  }
}
