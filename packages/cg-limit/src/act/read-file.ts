import { join, readText } from '@ctr-tools/host';
import type { Place } from './target.ts';

/** A file of a group without blanks around its text; undefined where there is no group or no such file. */
export function readIn(place: Place | undefined, file: string): string | undefined {
  if (!place) return undefined;
  try {
    return readText(join(place.directory, file)).trim();
  } catch {
    return undefined;
  }
}

/** v1 says "no limit" as the largest number of whole pages. */
export const V1_UNLIMITED = 2 ** 62;
