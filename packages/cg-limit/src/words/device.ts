/** Devices by path or number. */

import { UsageError } from '@ctr-tools/cli';
import { statIfAny } from '@ctr-tools/host';

export interface Node {
  kind: 'b' | 'c' | undefined;
  major: number;
  minor: number;
}

/** `/dev/vda` or `8:0`. Throws `UsageError` for what is no device. */
export function deviceOf(text: string, flag: string): Node {
  const numbers = /^(\d+):(\d+)$/.exec(text);
  if (numbers) return { kind: undefined, major: Number(numbers[1]), minor: Number(numbers[2]) };
  if (!text.startsWith('/'))
    throw new UsageError(`--${flag}: "${text}" is no device; give its path (/dev/vda) or MAJOR:MINOR`);
  const stat = statIfAny(text);
  if (!stat) throw new UsageError(`--${flag}: there is no ${text}`);
  if (!stat.isBlockDevice() && !stat.isCharacterDevice())
    throw new UsageError(`--${flag}: ${text} is no device`);
  return { kind: stat.isBlockDevice() ? 'b' : 'c', ...split(BigInt(stat.rdev)) };
}

/** st_rdev as makedev(3) puts it together. */
const split = (dev: bigint): { major: number; minor: number } => ({
  major: Number(((dev >> 32n) & 0xfffff000n) | ((dev >> 8n) & 0xfffn)),
  minor: Number(((dev >> 12n) & 0xffffff00n) | (dev & 0xffn)),
});

/** A block device by path or number. */
export function blockDevice(text: string, flag: string): { major: number; minor: number } {
  const { kind, major, minor } = deviceOf(text, flag);
  if (kind === 'c') throw new UsageError(`--${flag}: ${text} is no block device`);
  return { major, minor };
}

/** `DEVICE:VALUE`, parted at the last colon, as devices may have one themselves; `thing` is what stands first. */
export function parted(text: string, flag: string, value: string, thing = 'DEVICE'): [string, string] {
  const at = text.lastIndexOf(':');
  if (at <= 0 || at === text.length - 1)
    throw new UsageError(`--${flag} is "${text}"; give ${thing}:${value}`);
  return [text.slice(0, at), text.slice(at + 1)];
}
