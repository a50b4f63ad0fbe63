/** The extended attribute security.capability (`linux/capability.h`, vfs_ns_cap_data; capabilities(7)). */
import { UsageError } from '@ctr-tools/cli';
import { viewOf } from '@ctr-tools/host';
import { fullMask, parseCapabilities, shortNames } from './capability-list.ts';

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

const REVISION_2 = 0x02000000;

/** The attribute's bytes, as the kernel takes them from whoever has CAP_SETFCAP; in a user namespace it makes them version 3. */
export function encodeFileCapabilities({ permitted, inheritable, effective }: FileCapabilities): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = viewOf(bytes);
  view.setUint32(0, REVISION_2 | (effective ? 1 : 0), true);
  for (const [i, mask] of [permitted, inheritable].entries())
    for (const word of [0, 1])
      view.setUint32(4 + 8 * word + 4 * i, Number((mask >> BigInt(32 * word)) & 0xffffffffn), true);
  return bytes;
}

/**
 * `net_raw,chown`: permitted and effective; or clauses as cap_from_text(3) reads them and setcap(8) takes them,
 * `cap_net_raw=ep cap_chown+i`. None at all is a set
 * too: a set-user-ID program with it grants nothing (capabilities(7)). Throws `UsageError` for what a file cannot have.
 */
export function readFileCapabilities(text: string, last: number): FileCapabilities {
  const clauses = text.split(/\s+/).filter(Boolean);
  if (clauses.length === 0) throw new UsageError('--set-file: a list of capabilities was expected');
  const sets = { e: 0n, i: 0n, p: 0n };
  for (const clause of clauses) {
    const [, list = '', changes = '=ep'] = /^([^=+-]*)((?:[=+-][eip]*)+)?$/.exec(clause) ?? [];
    if (!/^[^=+-]*(?:[=+-][eip]*)*$/.test(clause))
      throw new UsageError(
        `--set-file: "${clause}" is not a clause: names, then = + or - and letters of e, i, p`,
      );
    const mask = list === '' ? fullMask(last) : parseCapabilities(list, last);
    for (const [, sign, letters = ''] of changes.matchAll(/([=+-])([eip]*)/g))
      for (const set of ['e', 'i', 'p'] as const) {
        if (sign === '=') sets[set] &= ~mask;
        if (letters.includes(set)) sets[set] = sign === '-' ? sets[set] & ~mask : sets[set] | mask;
      }
  }
  const any = sets.p | sets.i;
  // capabilities(7), "File capabilities": the effective set is a single bit.
  if (sets.e !== 0n && sets.e !== any)
    throw new UsageError(
      `--set-file: "${text}" makes some effective and not others; effective is one bit for all that a file has`,
    );
  return { permitted: sets.p, inheritable: sets.i, effective: sets.e !== 0n };
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
