/** What a process is and may do, as the kernel tells it in /proc (proc_pid_status(5)). */
import { readText } from '@ctr-tools/host';

export interface ProcessStatus {
  name: string;
  /** Real, effective, saved and file system IDs. */
  uids: readonly number[];
  gids: readonly number[];
  groups: readonly number[];
  noNewPrivs: boolean;
  /** Capabilities, as masks. */
  bounding: bigint;
  permitted: bigint;
  effective: bigint;
  inheritable: bigint;
  ambient: bigint;
}

/** Read the text of /proc/PID/status. */
export function parseStatus(text: string): ProcessStatus {
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
export const readStatus = (pid: number | 'self'): ProcessStatus =>
  parseStatus(readText(`/proc/${pid}/status`));
