/** Lists of capabilities as people write them, and the masks that the kernel counts in. */
import { nearest, UsageError } from '@ctr-tools/cli';
import { capabilitiesOf, capabilityName, capabilityNames, capabilityNumber } from '@ctr-tools/sys/constants';

/** All capabilities up to the last one that the kernel knows. */
export const fullMask = (last: number): bigint => (1n << BigInt(last + 1)) - 1n;

/**
 * One capability: its name with or without `CAP_`, in any case, or its number (41, cap_41)
 * for what the kernel knows and this table does not. Throws `UsageError`.
 */
export function parseCapability(word: string): bigint {
  const name = word.toUpperCase().replace(/^CAP_/, '');
  const number = /^\d+$/.test(name) ? Number(name) : capabilityNumber(`CAP_${name}`);
  if (number !== undefined && number < 64) return 1n << BigInt(number);
  const known = capabilityNames.map((n) => n.slice(4).toLowerCase());
  const meant = nearest(name.toLowerCase(), known);
  throw new UsageError(
    `"${word}" is not a capability${meant ? `; did you mean ${meant}?` : ' (capabilities(7))'}`,
  );
}

/** A hexadecimal mask as /proc/PID/status has it, with or without 0x. */
export function parseMask(text: string): bigint | undefined {
  return /^(?:0x[0-9a-f]{1,16}|[0-9a-f]{16})$/i.test(text)
    ? BigInt(`0x${text.replace(/^0x/i, '')}`)
    : undefined;
}

/** A list of words between commas; `all`, `none` and masks among them. `last` is the kernel's newest. */
export function parseCapabilities(text: string, last: number): bigint {
  return words(text).reduce((mask, word) => mask | parseWord(word, last), 0n);
}

const words = (text: string): string[] => {
  const found = text.split(',').map((word) => word.trim());
  if (found.includes(''))
    throw new UsageError(`"${text}" has an empty place in it; capabilities stand between commas`);
  return found;
};

function parseWord(word: string, last: number): bigint {
  const lower = word.toLowerCase();
  if (lower === 'all') return fullMask(last);
  if (lower === 'none') return 0n;
  return parseMask(word) ?? parseCapability(word);
}

/** A change to one set: exactly these (`exact`), and then some more and some less. */
export interface Change {
  exact?: bigint;
  plus: bigint;
  minus: bigint;
}

/**
 * `net_raw,kill` is exactly these, `+net_raw,-kill` a change to what there is, and
 * `all,-sys_admin` both.
 */
export function parseChange(texts: readonly string[], last: number): Change {
  const change: Change = { plus: 0n, minus: 0n };
  for (const word of texts.flatMap(words)) {
    if (word.startsWith('+')) change.plus |= parseWord(word.slice(1), last);
    else if (word.startsWith('-')) change.minus |= parseWord(word.slice(1), last);
    else change.exact = (change.exact ?? 0n) | parseWord(word, last);
  }
  const both = change.plus & change.minus;
  if (both) throw new UsageError(`${shortNames(both)} is to be added and dropped at once`);
  return change;
}

export const applyChange = (mask: bigint, change: Change | undefined): bigint =>
  change ? ((change.exact ?? mask) & ~change.minus) | change.plus : mask;

/** Names as in a spec, in the kernel's order. */
export const specNames = (mask: bigint): string[] => capabilitiesOf(mask).map(capabilityName);

/** The mask of a spec's list, and the names in it that are not capabilities. */
export function maskOf(names: readonly string[] = []): { mask: bigint; unknown: string[] } {
  let mask = 0n;
  const unknown: string[] = [];
  for (const name of names) {
    const number = capabilityNumber(name) ?? (/^CAP_\d+$/.test(name) ? Number(name.slice(4)) : 64);
    if (number < 64) mask |= 1n << BigInt(number);
    else unknown.push(name);
  }
  return { mask, unknown };
}

/** `net_raw,kill`; `none`. */
export const shortNames = (mask: bigint): string =>
  specNames(mask)
    .map((name) => name.slice(4).toLowerCase())
    .join(',') || 'none';

/** A whole set in few words: `all`, `all but sys_resource`, or its names. */
export function summary(mask: bigint, last: number): string {
  const full = fullMask(last);
  const missing = full & ~mask;
  if (mask === full) return 'all';
  if (mask !== 0n && capabilitiesOf(missing).length < 8) return `all but ${shortNames(missing)}`;
  return shortNames(mask);
}
