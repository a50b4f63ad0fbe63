/** Processes to ask about. */

import { Failure } from '@ctr-tools/cli';
import { errorCode, namesIn, readLink, readText } from '@ctr-tools/host';
import { readStatus } from '@ctr-tools/sys/proc';
import type { Privileges } from '../privileges.ts';

/** The privileges of one process. Throws `Failure` where it is gone. */
export function privilegesOf(pid: number): Privileges {
  try {
    return readStatus(pid);
  } catch (error) {
    throw new Failure(
      `read the capabilities of PID ${pid}: ${gone(error) ? 'no such process' : (error as Error).message}`,
    );
  }
}

const gone = (error: unknown): boolean => ['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '');

/**
 * The ID of root in a process's user namespace, as we count (user_namespaces(7), "User and
 * group ID mappings": the second field is as seen from the reader's namespace, or from the
 * parent's where both are in the same one).
 */
export function rootUidOf(pid: number): number | undefined {
  try {
    if (readLink(`/proc/${pid}/ns/user`) === readLink('/proc/self/ns/user')) return 0;
    for (const line of readText(`/proc/${pid}/uid_map`).split('\n')) {
      const [inside, outside] = line.trim().split(/\s+/).map(Number);
      if (inside === 0) return outside;
    }
    return undefined;
  } catch {
    // Not ours to see, or gone meanwhile: most processes are in the first namespace.
    return 0;
  }
}

/** All processes that we see, with their parents; those that end meanwhile are left out. */
export function allProcesses(): { pid: number; ppid: number; privileges: Privileges }[] {
  return namesIn('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)
    .flatMap((pid) => {
      try {
        // The fourth field, counted from behind the name, which may hold anything (proc_pid_stat(5)).
        const stat = readText(`/proc/${pid}/stat`);
        const ppid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
        return [{ pid, ppid, privileges: readStatus(pid) }];
      } catch (error) {
        if (gone(error)) return [];
        throw error;
      }
    });
}
