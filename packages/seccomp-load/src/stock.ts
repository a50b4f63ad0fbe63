import { fromBase64 } from '@ctr-tools/host';
import type { AbiName } from './abi.ts';
import { filters } from './tables/default-filters.ts';

/** Capabilities that the default profile's conditions ask about, in the order of their bits in a key. */
export const asked = [
  'CAP_DAC_READ_SEARCH',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_CHROOT',
  'CAP_SYS_MODULE',
  'CAP_SYS_PACCT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_SYS_NICE',
  'CAP_SYSLOG',
  'CAP_BPF',
  'CAP_PERFMON',
] as const;

/** What the default profile comes to here: the same key, the same filter. */
export const stockKey = (native: AbiName, caps: ReadonlySet<string>): string =>
  `${native} ${asked.reduce((bits, cap, i) => (caps.has(cap) ? bits | (1 << i) : bits), 0)}`;

/**
 * The default profile, compiled when this program was built, for the usual sets of
 * capabilities: none that it asks about, Docker's, all. Undefined for any other, which is
 * compiled when it is wanted. Holds for kernels from 4.8 on (the profile's only such condition).
 */
export const stockFilter = (native: AbiName, caps: ReadonlySet<string>): Uint8Array | undefined =>
  decoded[stockKey(native, caps)];

// Decoded when the program is built, where modules are evaluated then.
const decoded: Readonly<Record<string, Uint8Array>> = Object.fromEntries(
  Object.entries(filters).map(([key, text]) => [key, fromBase64(text)]),
);
