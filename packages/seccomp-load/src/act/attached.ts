/** The filters of a process, which only a tracer is given (ptrace(2), PTRACE_SECCOMP_GET_FILTER). */
import { SysError, seccompFilters } from '@ctr-tools/sys';

/** The filters, or in a sentence why they cannot be read (kernel/seccomp.c, `get_nth_filter`). */
export function readFilters(pid: number): Uint8Array[] | string {
  try {
    return seccompFilters(pid);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (error.code === 'EPERM' || error.code === 'EACCES')
      return 'the filters cannot be read: it takes CAP_SYS_ADMIN in the first user namespace, the right to trace the process, and being under no filter oneself';
    return `the filters cannot be read: ${error.message}`;
  }
}
