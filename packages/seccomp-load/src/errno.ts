import { ERRNO, errnoName as nameOf } from '@ctr-tools/sys/constants';

/** What an older kernel answers for a call that it does not have (errno(3)). */
export const ENOSYS = 38;

/** `EPERM` for 1; the number itself where it has no name. */
export function errnoName(number: number): string {
  const name = nameOf(number);
  return name in ERRNO ? name : String(number);
}

/** The number of `EPERM` or `1`, or undefined. */
export function errnoOf(word: string): number | undefined {
  if (/^\d+$/.test(word)) return Number(word) <= 4095 ? Number(word) : undefined;
  return ERRNO[word.toUpperCase()];
}
