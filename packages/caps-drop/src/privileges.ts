/** What a process may do, as the kernel tells it in /proc (proc_pid_status(5)). */

import { readText } from '@ctr-tools/host';

export const setNames = ['bounding', 'permitted', 'effective', 'inheritable', 'ambient'] as const;
export type SetName = (typeof setNames)[number];
export type Sets = Record<SetName, bigint>;

export interface Privileges extends Sets {
  name: string;
  /** Real, effective, saved and file system IDs. */
  uids: readonly number[];
  gids: readonly number[];
  groups: readonly number[];
  noNewPrivs: boolean;
}

/** Read the text of /proc/PID/status. */
export function parseStatus(text: string): Privileges {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const mask = (name: string): bigint => BigInt(`0x${fields.get(name) ?? '0'}`);
  const numbers = (name: string): number[] =>
    (fields.get(name) ?? '').split(/\s+/).filter(Boolean).map(Number);
  return {
    name: fields.get('Name') ?? '?',
    uids: numbers('Uid'),
    gids: numbers('Gid'),
    groups: numbers('Groups'),
    noNewPrivs: fields.get('NoNewPrivs') === '1',
    bounding: mask('CapBnd'),
    permitted: mask('CapPrm'),
    effective: mask('CapEff'),
    inheritable: mask('CapInh'),
    ambient: mask('CapAmb'),
  };
}

/** Throws a `SystemError` where the process is gone. */
export const readPrivileges = (pid: number): Privileges => parseStatus(readText(`/proc/${pid}/status`));

/** The last capability that the running kernel knows. */
export const lastCapability = (): number => Number(readText('/proc/sys/kernel/cap_last_cap'));
