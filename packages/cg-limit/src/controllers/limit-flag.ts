/** Flags of limits: amounts of which `max` is none, as numbers of a spec. */
import { flag, parseDuration, parseSize, UsageError } from '@ctr-tools/cli';
import type { Integer } from '@ctr-tools/oci';
import type { LimitFlag } from './controller.ts';
import { memoryShare, shareOf } from './machine.ts';

type About = Omit<LimitFlag, 'name' | 'value' | 'many' | 'read'>;

/** Words for no limit. */
export const unlimited: ReadonlySet<string> = new Set(['max', 'none', 'unlimited', '-1']);

/** A number where it is exact, else a bigint. */
export const integer = (value: bigint): Integer =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER)
    ? Number(value)
    : value;

const bytesOf = (text: string, spelled: string, bytes: bigint): Integer => {
  if (bytes > (1n << 63n) - 1n)
    throw new UsageError(`${spelled} ${text} is more than a limit can be; max is no limit`);
  return integer(bytes);
};

/** Bytes, or -1 for no limit. */
export const size = <N extends string, A extends About>(name: N, about: A) =>
  flag.of(
    name,
    { ...about, valueHint: 'SIZE' },
    (text, spelled): Integer => (unlimited.has(text) ? -1 : bytesOf(text, spelled, parseSize(text, spelled))),
  );

/** The same of memory, `50%` of the machine's too, and of its swap. */
export const memorySize = <N extends string, A extends About>(name: N, about: A, withSwap = false) =>
  flag.of(name, { ...about, valueHint: 'SIZE' }, (text, spelled): Integer => {
    if (unlimited.has(text)) return -1;
    const share = shareOf(text, name);
    return bytesOf(
      text,
      spelled,
      share === undefined ? parseSize(text, spelled) : memoryShare(share, withSwap),
    );
  });

/** Microseconds, or -1 for no limit; a bare number is in them, as with docker run. */
export const time = <N extends string, A extends About>(name: N, about: A) =>
  flag.of(
    name,
    { ...about, valueHint: 'TIME' },
    (text, spelled): Integer =>
      unlimited.has(text) ? -1 : integer(parseDuration(text, 'us', spelled) / 1000n),
  );
