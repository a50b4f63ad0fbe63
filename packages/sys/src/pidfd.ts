import { ERRNO } from './constants/errno.ts';
import { checked, SysError } from './error.ts';
import { native } from './koffi.ts';

const syscall = native<(number: number, pid: number, flags: number) => number>(
  'long syscall(long number, long pid, long flags)',
);
const eventfdNative = native<(initial: number, flags: number) => number>(
  'int eventfd(unsigned int initial, int flags)',
);

/** The same number on x86-64 and arm64 (asm-generic/unistd.h). */
const PIDFD_OPEN = 434;
/** The value of O_CLOEXEC on both (eventfd(2)). */
const EFD_CLOEXEC = 0o2000000;

/**
 * A descriptor of a process, readable in poll(2) once it has ended (pidfd_open(2), since Linux 5.3). The number of one
 * that is gone may still be that of its group or session, for which the kernel says EINVAL: here it is ESRCH too.
 */
export function pidfdOpen(pid: number): number {
  try {
    return checked('pidfd_open', [pid], () => syscall(PIDFD_OPEN, pid, 0));
  } catch (error) {
    if (error instanceof SysError && error.code === 'EINVAL' && pid > 0)
      throw new SysError('pidfd_open', [pid], ERRNO.ESRCH!);
    throw error;
  }
}

/** A new eventfd(2) that counts from 0; reading gives eight bytes. */
export const eventfd = (): number => checked('eventfd', [], () => eventfdNative(0, EFD_CLOEXEC));
