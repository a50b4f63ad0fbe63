/** The filters of a process, which only a tracer is given (ptrace(2), PTRACE_SECCOMP_GET_FILTER). */
import { SysError, seccompFilters } from '@ctr-tools/sys';
import { abis, table } from '../abi.ts';
import { permits } from '../actions.ts';
import { simulate } from '../bpf/simulator.ts';
import { machine } from '../gather.ts';
import { programOf } from './subject.ts';

/** Whether these filters let a process go on with a call that it was stopped in (restart_syscall(2)). */
function permitRestart(filters: readonly Uint8Array[], compat: boolean): boolean {
  const abi = compat ? 'x86' : machine();
  const { audit, base } = abis.get(abi)!;
  const call = { arch: audit, nr: table(abi).numbers.get('restart_syscall')! + base, args: [] };
  return filters.every((f, i) => permits(simulate(programOf(f, `filter ${i + 1}`), call).value));
}

/** The filters, or in a sentence why they cannot be read (kernel/seccomp.c, `get_nth_filter`). */
export function readFilters(pid: number): Uint8Array[] | string {
  try {
    return seccompFilters(pid, permitRestart);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (error.code === 'EPERM' || error.code === 'EACCES')
      return 'the filters cannot be read: it takes CAP_SYS_ADMIN in the first user namespace, the right to trace the process, and being under no filter oneself';
    return `the filters cannot be read: ${error.message}`;
  }
}
