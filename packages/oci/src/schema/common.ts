/** Checks that several documents' shapes are made of. */
import { MAX_ID } from '../runtime/ids.ts';
import { array, integer, string, text } from './check.ts';

export const strings = array(string, 'an array of strings');
export const absolutePath = text('an absolute path', /^\//);
/** A user or group. */
export const id = integer(0, MAX_ID);
/** Numbers as the kernel lists CPUs and memory nodes (cpuset(7), List format). */
export const numberList = (of: string) => text(`a list of ${of} such as 0-3,7`, /^[\d,\- ]*$/);
