/** Looking into another process: ptrace(2), as far as reading its seccomp filters needs it. */
import { ERRNO } from './constants/errno.ts';
import { checked, SysError } from './error.ts';
import { native } from './koffi.ts';

const ptrace = native<(request: number, pid: number, address: number, data: Uint8Array | null) => number>(
  'long ptrace(long request, int pid, uintptr_t address, void *data)',
);
const waitpid = native<(pid: number, status: Int32Array, options: number) => number>(
  'int waitpid(int pid, _Out_ int *status, int options)',
);

const PTRACE_GETREGS = 12;
const PTRACE_SETREGS = 13;
const PTRACE_DETACH = 17;
const PTRACE_SEIZE = 0x4206;
const PTRACE_INTERRUPT = 0x4207;
const PTRACE_SECCOMP_GET_FILTER = 0x420c;

const WNOHANG = 1;
/** Also threads and children with a signal of their own at the end (waitpid(2)). */
const WALL = 0x40000000;

const pause = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

/** Wait until the tracee has stopped, for at most two seconds (it may sleep where nothing wakes it). */
function awaitStop(pid: number): void {
  const status = new Int32Array(1);
  for (let waited = 0; waited < 400; waited++) {
    if (checked('waitpid', [pid], () => waitpid(pid, status, WNOHANG | WALL)) === pid) return;
    pause(5);
  }
  throw new SysError('ptrace', ['PTRACE_INTERRUPT', pid], ERRNO.ETIMEDOUT!);
}

/** Places in x86_64's `struct user_regs_struct` (sys/user.h), of 27 registers. */
const RAX = 10 * 8;
const CS = 17 * 8;
/** The code segment of 32-bit programs (`__USER32_CS` of asm/segment.h). */
const USER32_CS = 0x23;
/** What a call answers inside the kernel that goes on by restart_syscall(2), and that is made anew (include/linux/errno.h). */
const ERESTART_RESTARTBLOCK = -516;
const ERESTARTNOINTR = -513;

/**
 * Where the tracee was stopped in a call that restart_syscall(2) would continue, let the call be made anew
 * instead if `restarts` says no: its time begins again, but the tracee goes on as if nobody had looked.
 */
function mendRestart(pid: number, restarts: (compat: boolean) => boolean): void {
  if (process.arch !== 'x64') return;
  const registers = Buffer.alloc(27 * 8);
  checked('ptrace', ['PTRACE_GETREGS', pid], () => ptrace(PTRACE_GETREGS, pid, 0, registers));
  if (registers.readInt32LE(RAX) !== ERESTART_RESTARTBLOCK) return;
  if (restarts(registers.readUInt16LE(CS) === USER32_CS)) return;
  registers.writeBigInt64LE(BigInt(ERESTARTNOINTR), RAX);
  checked('ptrace', ['PTRACE_SETREGS', pid], () => ptrace(PTRACE_SETREGS, pid, 0, registers));
}

/**
 * The seccomp filters of a process, oldest first, as `struct sock_filter[]`. The process is
 * stopped meanwhile; `restarts` says whether these filters permit restart_syscall(2), of a 32-bit program
 * (`compat`) or of another, which the stop may have made necessary. Throws `SysError`: EPERM for who may not trace it, EACCES without
 * CAP_SYS_ADMIN in the first user namespace, EIO on a kernel without checkpoint and restore.
 */
export function seccompFilters(
  pid: number,
  restarts: (filters: readonly Buffer[], compat: boolean) => boolean,
): Buffer[] {
  checked('ptrace', ['PTRACE_SEIZE', pid], () => ptrace(PTRACE_SEIZE, pid, 0, null));
  try {
    checked('ptrace', ['PTRACE_INTERRUPT', pid], () => ptrace(PTRACE_INTERRUPT, pid, 0, null));
    awaitStop(pid);
    const filters = [...readFilters(pid)];
    mendRestart(pid, (compat) => restarts(filters, compat));
    return filters;
  } finally {
    ptrace(PTRACE_DETACH, pid, 0, null);
  }
}

function* readFilters(pid: number): Generator<Buffer> {
  for (let index = 0; ; index++) {
    const args = ['PTRACE_SECCOMP_GET_FILTER', pid, index];
    let count: number;
    try {
      count = checked('ptrace', args, () => ptrace(PTRACE_SECCOMP_GET_FILTER, pid, index, null));
    } catch (error) {
      // ENOENT: no more filters. EINVAL at the first: none at all.
      if (error instanceof SysError && (error.code === 'ENOENT' || (index === 0 && error.code === 'EINVAL')))
        return;
      throw error;
    }
    const filter = Buffer.alloc(count * 8);
    checked('ptrace', args, () => ptrace(PTRACE_SECCOMP_GET_FILTER, pid, index, filter));
    yield filter;
  }
}
