import { constants } from 'node:os';

/** ENOSYS: what an older kernel answers for a call that it does not have (errno(3)). */
export const ENOSYS = 38;

/** Names of errors that Node does not list but a filter may well return. */
const more: Record<string, number> = {
  ENOTBLK: 15,
  EREMOTEIO: 121,
  EBADE: 52,
  EKEYREVOKED: 128,
  ENOKEY: 126,
  EPFNOSUPPORT: 96,
  ESOCKTNOSUPPORT: 94,
  EUCLEAN: 117,
  EHWPOISON: 133,
  ERFKILL: 132,
};

const numbers: Record<string, number> = { ...more, ...constants.errno };

/** `EPERM` for 1; the number itself where it has no name. */
export function errnoName(number: number): string {
  return Object.entries(numbers).find(([, n]) => n === number)?.[0] ?? String(number);
}

/** The number of `EPERM` or `1`, or undefined. */
export function errnoOf(word: string): number | undefined {
  if (/^\d+$/.test(word)) return Number(word) <= 4095 ? Number(word) : undefined;
  return numbers[word.toUpperCase()];
}
