/** Sizes, rates, shares and times as people write them, and back. */
import { UsageError } from './errors.ts';

const powers = ['', 'K', 'M', 'G', 'T', 'P', 'E'];
const U64_MAX = (1n << 64n) - 1n;

/** `1.5` as the fraction 15/10: exact, where a floating number would not be. */
function decimal(text: string): { numerator: bigint; denominator: bigint } {
  const [whole = '', fraction = ''] = text.split('.');
  return { numerator: BigInt(`${whole}${fraction}` || '0'), denominator: 10n ** BigInt(fraction.length) };
}

/** `"x" is not a size`, and of a flag's value `"x" is not a value for --memory`. */
const isNot = (text: string, what: string): string =>
  `"${text}" is not a ${what.startsWith('--') ? `value for ${what}` : what}`;

/**
 * Bytes. `512`, `64M`, `1.5G`, `10KiB`, `2mb`: every unit is a power of 1024, as
 * docker-run(1) reads `--memory`. A fraction of a byte is dropped. `what` names the value
 * in the `UsageError`.
 */
export function parseSize(text: string, what = 'size'): bigint {
  const [, number, unit] = /^(\d+(?:\.\d+)?|\.\d+) ?([kmgtpe]?)(?:i?b)?$/i.exec(text) ?? [];
  if (number === undefined || unit === undefined)
    throw new UsageError(
      `${isNot(text, what)}; give bytes, or a number with K, M, G or T (1024 each): 64M, 1.5G`,
    );
  const { numerator, denominator } = decimal(number);
  const bytes = (numerator * 1024n ** BigInt(powers.indexOf(unit.toUpperCase()))) / denominator;
  if (bytes > U64_MAX) throw new UsageError(`"${text}" is more than a ${what} can be (2^64-1 bytes)`);
  return bytes;
}

/** Bytes a second: a size, with `/s` or without. */
export const parseRate = (text: string, what = 'rate'): bigint => parseSize(text.replace(/\/s$/, ''), what);

/** `64 MiB`, `1.5 GiB`, `512 B`: three digits at most, rounded to the nearest. */
export function formatSize(bytes: number | bigint): string {
  let value = Number(bytes);
  let power = 0;
  // 1023.9 KiB would round to 1024 KiB: one more step then.
  while (value >= 1023.5 && power < powers.length - 1) {
    value /= 1024;
    power++;
  }
  return `${number(value, power)} ${powers[power]}${power ? 'iB' : 'B'}`;
}

export const formatRate = (bytesPerSecond: number | bigint): string => `${formatSize(bytesPerSecond)}/s`;

function number(value: number, power: number): string {
  if (power === 0 || value >= 99.95) return String(Math.round(value));
  return String(Number(value.toFixed(value >= 9.995 ? 1 : 2)));
}

const nanoseconds: Record<string, bigint> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
};

/** A length of time in nanoseconds: `100ms`, `1.5s`, `2m`, `1h30m`. A bare number is in `unit`. */
export function parseDuration(text: string, unit: 'ns' | 'us' | 'ms' | 's' = 's', what = 'duration'): bigint {
  const bare = /^\d+(?:\.\d+)?$/.test(text) ? `${text}${unit}` : text;
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d))+$/.test(bare))
    throw new UsageError(`${isNot(text, what)}; give a number with ns, us, ms, s, m, h or d: 100ms, 1h30m`);
  let total = 0n;
  for (const [, amount, name] of bare.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)/g)) {
    const { numerator, denominator } = decimal(amount!);
    total += (numerator * nanoseconds[name!]!) / denominator;
  }
  return total;
}

/** `1h30m`, `2.5s`, `120ms`: the two largest units that matter. */
export function formatDuration(ns: number | bigint): string {
  const total = BigInt(Math.round(Number(ns)));
  if (total < 0n) return `-${formatDuration(-total)}`;
  if (total >= nanoseconds.m!) {
    const units = ['d', 'h', 'm', 's'] as const;
    const first = units.findIndex((name) => total >= nanoseconds[name]!);
    const one = nanoseconds[units[first]!]!;
    const two = units[first + 1];
    const rest = two ? (total % one) / nanoseconds[two]! : 0n;
    return `${total / one}${units[first]}${rest ? `${rest}${two}` : ''}`;
  }
  const unit = (['s', 'ms', 'us', 'ns'] as const).find((name) => total >= nanoseconds[name]!) ?? 's';
  return `${number(Number(total) / Number(nanoseconds[unit]), 1)}${unit}`;
}

/** A share: `50%` is 0.5, `150%` is 1.5; without the sign the number itself. */
export function parseShare(text: string, what = 'share'): number {
  const [, amount, sign] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  if (amount === undefined)
    throw new UsageError(`${isNot(text, what)}; give a percentage (50%) or a number (0.5)`);
  return sign ? Number(amount) / 100 : Number(amount);
}

/** `12.3%` of a share. */
export const formatShare = (share: number): string => `${number(share * 100, 1)}%`;

/** A whole number from `least` to `most`. Throws `UsageError`. */
export function parseInteger(text: string, what: string, least = 0n, most = U64_MAX): bigint {
  if (!/^-?(?:\d+|0x[0-9a-f]+)$/i.test(text))
    throw new UsageError(`${isNot(text, what)}; give a whole number`);
  const value = text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
  if (value < least || value > most)
    throw new UsageError(`${isNot(text, what)}; it lies between ${least} and ${most}`);
  return value;
}

/** A time of the clock as `2026-11-23 19:15:16`, local. */
export function formatTime(time: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  return (
    `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ` +
    `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`
  );
}
