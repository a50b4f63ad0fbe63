/** Checks that several documents' shapes are made of. */
import { MAX_ID } from '../runtime/ids.ts';
import { array, type Check, integer, record, string, text } from './check.ts';

export const strings = array(string, 'an array of strings');
export const absolutePath = text('an absolute path', /^\//);
/** A user or group. */
export const id = integer(0, MAX_ID);
/** What runc and crun read as not set where it is empty. */
export const emptyOr =
  <T>(check: Check<T>): Check<T> =>
  (value, context) => {
    if (value !== '') check(value, context);
  };
/** Strings by free keys; null is the empty string, as Go's encoding/json reads it into a map. */
export const texts: Check<Record<string, string>> = (value, context) => {
  const map = value as Record<string, unknown> | null;
  if (typeof map === 'object') for (const key in map) if (map[key] === null) map[key] = '';
  record(string)(value, context);
};
/** Numbers as the kernel lists CPUs and memory nodes (cpuset(7), List format). */
export const numberList = (of: string) => text(`a list of ${of} such as 0-3,7`, /^[\d,\- ]*$/);
