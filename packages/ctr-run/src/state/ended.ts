import { limitsHit } from '@ctr-tools/cg-limit';
import { SIGNALS, SIGRTMIN } from '@ctr-tools/sys/constants';
import type { Found } from './record.ts';
import { exitOf } from './status.ts';

/** What a container that has stopped ended of, as far as somebody still knows. */
export interface Ended {
  /** The exit code of its first process. */
  exitCode?: number;
  /** The signal that ended it: `SIGKILL`. */
  signal?: string;
  /** Limits that its processes met: `memory` where one was killed for want of it, `pids` where one could not be made. */
  limits?: string[];
}

/**
 * Undefined where nothing is known. The kernel keeps the exit of a process for its parent alone, so it is known until
 * that one has waited for it: an engine's monitor does so when it looks, init at once. What its
 * groups counted is known until the container is deleted; a scope of systemd's is gone with its last process.
 */
export function endedOf(record: Found): Ended | undefined {
  const limits = record.cgroup ? limitsHit(record.cgroup) : [];
  const ended = { ...statusIn(exitOf(record)), ...(limits.length > 0 && { limits }) };
  return Object.keys(ended).length > 0 ? ended : undefined;
}

/** wait(2)'s status: a signal in the lower seven bits, or an exit code above them. */
function statusIn(status: number | undefined): Pick<Ended, 'exitCode' | 'signal'> {
  if (status === undefined) return {};
  const signal = status & 0x7f;
  if (signal === 0) return { exitCode: status >> 8 };
  const named = Object.entries(SIGNALS).find(([, number]) => number === signal)?.[0];
  return { signal: named ?? `SIGRTMIN+${signal - SIGRTMIN}` };
}

/** In a few words: `exit 3`, `SIGKILL, memory limit`. */
export const endedWords = ({ exitCode, signal, limits = [] }: Ended): string =>
  [
    ...(exitCode === undefined ? [] : [`exit ${exitCode}`]),
    ...(signal === undefined ? [] : [signal]),
    ...limits.map((limit) => `${limit} limit`),
  ].join(', ');
