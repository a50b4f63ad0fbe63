import { existsSync, readFileSync } from 'node:fs';
import type { Found } from './record.ts';

export type Status = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

/**
 * Where a container is in its life (runtime.md, State). The kernel is asked each time:
 * a process that is gone, a zombie, or another one under the same PID means `stopped`.
 */
export function statusOf(record: Found): Status {
  if (record.status === 'creating' && !record.pid) return 'creating';
  if (!record.pid || !isAlive(record.pid, record.startTime)) return 'stopped';
  if (record.status === 'creating') return 'creating';
  if (existsSync(startFifo(record.directory))) return 'created';
  return isFrozen(record) ? 'paused' : 'running';
}

/** The FIFO on which a created container waits for `start`; it is gone once the container was started. */
export const startFifo = (directory: string): string => `${directory}/start.fifo`;

/** Where a created container that fails after `start` leaves its words for it. */
export const startReport = (directory: string): string => `${directory}/start.failure`;

/** Whether the process is there, is the same one, and has not ended (proc_pid_stat(5), fields 3 and 22). */
export function isAlive(pid: number, startTime: number | undefined): boolean {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return false;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return false;
  return startTime === undefined || Number(fields[19]) === startTime;
}

/** cgroup v2's `cgroup.freeze` as it came into force, or v1's freezer.state (cgroup-v2.rst, freezer-subsystem.rst). */
function isFrozen(record: Found): boolean {
  const { unified, freezer } = record.cgroup?.paths ?? {};
  if (freezer) return read(`${freezer}/freezer.state`) === 'FROZEN';
  if (unified) return /^frozen 1$/m.test(read(`${unified}/cgroup.events`) ?? '');
  return false;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return undefined;
  }
}
