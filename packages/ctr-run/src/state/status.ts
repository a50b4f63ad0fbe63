import { exists, readLink, readText } from '@ctr-tools/host';
import type { Found } from './record.ts';

export type Status = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

/**
 * Where a container is in its life (runtime.md, State). The kernel is asked each time:
 * a process that is gone, a zombie, or another one under the same PID means `stopped`.
 */
export function statusOf(record: Found): Status {
  // Who makes a container and is killed takes what it has begun along: the rest is for delete.
  if (record.status === 'creating' && !record.pid) {
    const { maker } = record;
    return !maker || isAlive(maker.pid, maker.startTime) ? 'creating' : 'stopped';
  }
  if (!record.pid || !isAlive(record.pid, record.startTime)) return 'stopped';
  if (record.status === 'creating') return 'creating';
  // Also one that waits for `start`, which it could not hear.
  if (isFrozen(record)) return 'paused';
  return exists(startFifo(record.directory)) ? 'created' : 'running';
}

/** The FIFO on which a created container waits for `start`; it is gone once the container was started. */
export const startFifo = (directory: string): string => `${directory}/start.fifo`;

/** Where a created container that fails after `start` leaves its words for it. */
export const startReport = (directory: string): string => `${directory}/start.failure`;

/** Whether the process is there, is the same one, and has not ended. */
export function isAlive(pid: number, startTime: number | undefined): boolean {
  const found = lifeOf(pid);
  if (!found || found.state === 'Z' || found.state === 'X') return false;
  return startTime === undefined || found.startTime === startTime;
}

/** What proc_pid_stat(5) says of a process; undefined if it is gone. */
interface Life {
  /** Field 3. */
  state: string;
  /** Field 22, in clock ticks after boot. */
  startTime: number;
  /** Field 52, as wait(2) has it. */
  exit: number;
}

export function lifeOf(pid: number): Life | undefined {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields && { state: fields[0]!, startTime: Number(fields[19]), exit: Number(fields[49]) };
}

/** wait(2)'s status of a container's first process, while its parent has not waited for it. */
export function exitOf({ pid, startTime }: Found): number | undefined {
  const found = pid ? lifeOf(pid) : undefined;
  if (found?.state !== 'Z' || (startTime !== undefined && found.startTime !== startTime)) return undefined;
  try {
    // Who may not look into the process reads 0 there, and cannot read this either (ptrace(2), PTRACE_MODE_READ_FSCREDS).
    readLink(`/proc/${pid}/ns/user`);
    return found.exit;
  } catch {
    return undefined;
  }
}

/**
 * The group by which a container is frozen, and the file and the line in it that say so: cgroup v2's
 * `cgroup.freeze` as it came into force, or v1's freezer.state (cgroup-v2.rst, freezer-subsystem.rst).
 */
export function freezingOf({ cgroup }: Pick<Found, 'cgroup'>) {
  const { unified, freezer } = cgroup?.paths ?? {};
  if (freezer) return { group: freezer, file: 'freezer.state', frozen: 'FROZEN' };
  if (unified) return { group: unified, file: 'cgroup.events', frozen: 'frozen 1' };
  return undefined;
}

function isFrozen(record: Found): boolean {
  const by = freezingOf(record);
  return by !== undefined && (read(`${by.group}/${by.file}`)?.split('\n').includes(by.frozen) ?? false);
}

function read(path: string): string | undefined {
  try {
    return readText(path).trim();
  } catch {
    return undefined;
  }
}
