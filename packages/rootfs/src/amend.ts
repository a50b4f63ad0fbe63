import { normalize } from '@ctr-tools/host';
import type { Mount, RootfsPropagation, Spec } from '@ctr-tools/oci';

/** What a command line can say of what stands inside the root. What is absent stays as it is in the spec. */
export interface RootfsOptions {
  /** Absolute. */
  rootPath?: string;
  readonly?: boolean;
  /** Mounts to be added, as `parseVolume`, `parseTmpfs` and `parseMount` give them. */
  mounts?: readonly Mount[];
  propagation?: RootfsPropagation;
  maskedPaths?: readonly string[];
  readonlyPaths?: readonly string[];
}

/** Pure: the spec with its root and mounts changed. A mount replaces one with the same destination, in its place. */
export function amendRootfs(spec: Spec, options: RootfsOptions): Spec {
  const amended: Spec = { ...spec };
  if (options.rootPath !== undefined || options.readonly !== undefined) {
    amended.root = {
      ...(spec.root ?? { path: 'rootfs' }),
      ...(options.rootPath !== undefined && { path: options.rootPath }),
      ...(options.readonly !== undefined && { readonly: options.readonly }),
    };
  }
  if (options.mounts?.length) amended.mounts = mergeMounts(spec.mounts ?? [], options.mounts);
  const { propagation, maskedPaths, readonlyPaths } = options;
  if (propagation || maskedPaths || readonlyPaths) {
    amended.linux = {
      ...spec.linux,
      ...(propagation && { rootfsPropagation: propagation }),
      ...(maskedPaths && { maskedPaths: [...maskedPaths] }),
      ...(readonlyPaths && { readonlyPaths: [...readonlyPaths] }),
    };
  }
  return amended;
}

function mergeMounts(old: readonly Mount[], added: readonly Mount[]): Mount[] {
  const place = (m: Mount): string => normalize(m.destination).replace(/(.)\/$/, '$1');
  const merged = [...old];
  for (const mount of added) {
    const at = merged.findIndex((m) => place(m) === place(mount));
    if (at < 0) merged.push(mount);
    else merged[at] = mount;
  }
  return merged;
}
