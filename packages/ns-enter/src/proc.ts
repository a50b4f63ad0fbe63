/** What /proc says of a process and its namespaces (proc_pid_ns(5), proc_pid_stat(5)). */

import { decodeBytes, errorCode, readFile, readLink, readText } from '@ctr-tools/host';

import type { NamespaceFile } from '@ctr-tools/sys/constants';

export type Pid = number | 'self';

const code = (error: unknown): string | undefined => errorCode(error);

/** Whether a read failed because the process has gone: ESRCH comes from files opened before. */
export const isGone = (error: unknown): boolean => code(error) === 'ENOENT' || code(error) === 'ESRCH';

/** `net:[4026531840]` → 4026531840 */
export function inodeOfLink(link: string): number | undefined {
  const match = /^[\w]+:\[(\d+)\]$/.exec(link);
  return match ? Number(match[1]) : undefined;
}

/** Files of /proc/PID/ns: the eight kinds, and what children are to get. */
export type NsFile = NamespaceFile | 'pid_for_children' | 'time_for_children';

/** The inode of a process's namespace; undefined for a kind that this kernel lacks. Throws a `SystemError`. */
export function namespaceOf(pid: Pid, file: NsFile): number | undefined {
  try {
    return inodeOfLink(readLink(`/proc/${pid}/ns/${file}`));
  } catch (error) {
    if (code(error) === 'ENOENT' && isAlive(pid)) return undefined;
    throw error;
  }
}

function isAlive(pid: Pid): boolean {
  try {
    readLink(`/proc/${pid}/ns/user`);
    return true;
  } catch (error) {
    return !isGone(error);
  }
}

export interface Stat {
  pid: number;
  command: string;
  /** R, S, D, Z … */
  state: string;
  ppid: number;
  /** Clock ticks after boot; with the PID it names a process for good. */
  startTime: number;
}

/** The name in field 2 may hold anything, a parenthesis too; field 3 follows the last one. */
export function parseStat(text: string): Stat {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const rest = text.slice(close + 2).split(' ');
  return {
    pid: Number(text.slice(0, open - 1)),
    command: text.slice(open + 1, close),
    state: rest[0]!,
    ppid: Number(rest[1]),
    startTime: Number(rest[19]),
  };
}

export const readStat = (pid: Pid): Stat => parseStat(readText(`/proc/${pid}/stat`));

/** The variables a process was started with, as byte strings. */
export function readEnviron(pid: Pid): string[] {
  const bytes = readFile(`/proc/${pid}/environ`);
  const found: string[] = [];
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(0, from);
    const to = end < 0 ? bytes.length : end;
    if (to > from) found.push(decodeBytes(bytes.subarray(from, to)));
    from = to + 1;
  }
  return found;
}
