/** The extended attribute security.capability (`linux/capability.h`, vfs_ns_cap_data; capabilities(7)). */
import { viewOf } from '@ctr-tools/host';
import { shortNames } from './capability-list.ts';

export interface FileCapabilities {
  permitted: bigint;
  inheritable: bigint;
  /** One bit for the file: whether what is granted is effective at once. */
  effective: boolean;
  /** Version 3: counts only where this is root of the user namespace. */
  rootId?: number;
}

const words = { 16777216: 1, 33554432: 2, 50331648: 2 } as const;

/** Undefined for an attribute that the kernel would refuse too. */
export function parseFileCapabilities(bytes: Uint8Array): FileCapabilities | undefined {
  const view = viewOf(bytes);
  if (bytes.length < 4) return undefined;
  const magic = view.getUint32(0, true);
  const version = (magic & 0xff000000) >>> 0;
  const count = words[version as keyof typeof words];
  const size = 4 + 8 * (count ?? 0) + (version === 0x03000000 ? 4 : 0);
  if (!count || bytes.length !== size) return undefined;
  const set = (at: number): bigint => {
    let mask = 0n;
    for (let i = 0; i < count; i++) mask |= BigInt(view.getUint32(at + 8 * i, true)) << BigInt(32 * i);
    return mask;
  };
  return {
    permitted: set(4),
    inheritable: set(8),
    effective: (magic & 1) !== 0,
    ...(version === 0x03000000 && { rootId: view.getUint32(20, true) }),
  };
}

/** As getcap(8) and cap_to_text(3) write it: `cap_net_raw=ep`. */
export function fileCapabilitiesText({
  permitted,
  inheritable,
  effective,
  rootId,
}: FileCapabilities): string {
  const parts: string[] = [];
  const part = (mask: bigint, letters: string): void => {
    if (mask)
      parts.push(
        `${shortNames(mask)
          .split(',')
          .map((n) => `cap_${n.replace(/^cap_/, '')}`)
          .join(',')}=${letters}`,
      );
  };
  const e = effective ? 'e' : '';
  part(permitted & inheritable, `${e}ip`);
  part(permitted & ~inheritable, `${e}p`);
  part(inheritable & ~permitted, `${e}i`);
  return `${parts.join(' ') || '='}${rootId === undefined ? '' : ` [rootid=${rootId}]`}`;
}
