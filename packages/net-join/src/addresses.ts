/** IPv4 ranges that this machine uses, and one that it does not. */
import { encodeBytes, readText, sha256 } from '@ctr-tools/host';

export interface Range {
  address: number;
  bits: number;
}

const mask = (bits: number): number => (bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0);

/** `10.0.0.0/8`, or an address alone. */
export function parseRange(text: string): Range | undefined {
  const [, a, b, c, d, bits = '32'] =
    /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text) ?? [];
  const parts = [a, b, c, d].map(Number);
  if (parts.some((part) => !(part <= 255)) || Number(bits) > 32) return undefined;
  return { address: parts.reduce((all, part) => all * 256 + part, 0), bits: Number(bits) };
}

export const spellAddress = (address: number): string =>
  [24, 16, 8, 0].map((by) => (address >>> by) & 255).join('.');

export function overlap(one: Range, other: Range): boolean {
  const common = mask(Math.min(one.bits, other.bits));
  return (one.address & common) >>> 0 === (other.address & common) >>> 0;
}

/** Destinations in /proc/net/route (proc_pid_net(5)): hexadecimal in the machine's byte order, which is little-endian here. */
export function parseRoutes(text: string): Range[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.split(/\s+/);
      if (fields.length < 8) return [];
      const swap = (hex: string): number =>
        Number.parseInt(hex.replace(/^(..)(..)(..)(..)$/, '$4$3$2$1'), 16) >>> 0;
      const bits = swap(fields[7]!).toString(2).replaceAll('0', '').length;
      // The default route leads everywhere and uses nothing.
      return bits === 0 ? [] : [{ address: swap(fields[1]!), bits }];
    });
}

/** Local addresses of /proc/net/fib_trie. */
export function parseLocals(text: string): Range[] {
  return [...text.matchAll(/\|-- ([\d.]+)\n\s+\/32 host LOCAL/g)].flatMap(
    ([, address]) => parseRange(address!) ?? [],
  );
}

/** Whatever looks like a range in a network's configuration. */
export const rangesIn = (text: string): Range[] =>
  [...text.matchAll(/"(\d+\.\d+\.\d+\.\d+\/\d+)"/g)].flatMap(([, range]) => {
    const found = parseRange(range!);
    // "0.0.0.0/0" is a route's, and no range of anybody's.
    return found && found.bits > 0 ? [found] : [];
  });

/** Private ranges (RFC 1918) of 65534 addresses, those first that others rarely take. */
const candidates: readonly string[] = [
  ...Array.from({ length: 60 }, (_, i) => `10.${91 + i}.0.0/16`),
  ...Array.from({ length: 16 }, (_, i) => `172.${31 - i}.0.0/16`),
  '192.168.0.0/16',
];

export const freeRange = (used: readonly Range[]): string | undefined =>
  candidates.find((text) => !used.some((range) => overlap(range, parseRange(text)!)));

/** A range of IPv6 that is this machine's alone: RFC 4193 has 40 bits by chance, which here stay the same. */
export function ownRange6(): string {
  let id: string;
  try {
    id = readText('/etc/machine-id').trim();
  } catch {
    id = 'ctr-tools';
  }
  const hex = sha256(encodeBytes(`net-join ${id}`));
  return `fd${hex.slice(0, 2)}:${hex.slice(2, 6)}:${hex.slice(6, 10)}::/64`;
}
