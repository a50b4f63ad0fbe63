import { readText } from '@ctr-tools/host';
import { SIGNALS } from '@ctr-tools/sys/constants';
import type { Found } from './record.ts';
import { exitOf } from './status.ts';

/** What a container that has stopped ended of, as far as somebody still knows. */
export interface Ended {
  /** The exit code of its first process. */
  exitCode?: number;
  /** The signal that ended it: `SIGKILL`. */
  signal?: string;
  /** Limits that its processes ran into: `memory` where one was killed for it, `pids` where one was not begun. */
  limits?: ('memory' | 'pids')[];
}

/**
 * Undefined where nothing is known. The kernel keeps the exit of a process for its parent alone, so it is known until
 * that one has waited for it (an engine's, while it does not look; nobody's is init, which waits at once). What its
 * groups counted is known until the container is deleted; a scope of systemd's is gone with its last process.
 */
export function endedOf(record: Found): Ended | undefined {
  const { unified, memory = unified, pids = unified } = record.cgroup?.paths ?? {};
  const limits: ('memory' | 'pids')[] = [];
  if (counted(memory, 'memory.events', 'oom_kill') + counted(memory, 'memory.oom_control', 'oom_kill') > 0)
    limits.push('memory');
  if (counted(pids, 'pids.events', 'max') > 0) limits.push('pids');
  const ended = { ...statusIn(exitOf(record)), ...(limits.length > 0 && { limits }) };
  return Object.keys(ended).length > 0 ? ended : undefined;
}

/** wait(2)'s status: a signal in the lower seven bits, or an exit code above them. */
function statusIn(status: number | undefined): Pick<Ended, 'exitCode' | 'signal'> {
  if (status === undefined) return {};
  const signal = status & 0x7f;
  if (signal === 0) return { exitCode: status >> 8 };
  const named = Object.entries(SIGNALS).find(([, number]) => number === signal)?.[0];
  return { signal: named ?? `SIGRTMIN+${signal - 34}` };
}

/** How often the kernel says that something happened in a group (cgroup-v2.rst, memory.events and pids.events;
 * cgroup-v1/memory.rst, memory.oom_control). */
function counted(group: string | undefined, file: string, key: string): number {
  if (group === undefined) return 0;
  try {
    const line = readText(`${group}/${file}`)
      .split('\n')
      .find((one) => one.startsWith(`${key} `));
    return Number(line?.slice(key.length + 1) ?? 0);
  } catch {
    return 0;
  }
}

/** In a few words: `exit 3`, `SIGKILL, memory limit`. */
export const endedWords = ({ exitCode, signal, limits = [] }: Ended): string =>
  [
    ...(exitCode === undefined ? [] : [`exit ${exitCode}`]),
    ...(signal === undefined ? [] : [signal]),
    ...limits.map((limit) => `${limit} limit`),
  ].join(', ');
