import { checked, SysError } from './error.ts';
import { native } from './koffi.ts';
import { cPath, type Path, showPath } from './path.ts';

const mknodNative = native<(path: Buffer, mode: number, device: bigint) => number>(
  'int mknod(const char *path, uint32_t mode, uint64_t device)',
);
const flockNative = native<(fd: number, operation: number) => number>('int flock(int fd, int operation)');

/** mknod(2): a device, FIFO or socket; the type's bits are in `mode`. */
export function mknod(path: Path, mode: number, device: bigint): void {
  const at = cPath(path);
  checked('mknod', [showPath(path), `0${mode.toString(8)}`, device], () => mknodNative(at, mode, device));
}

const LOCK = { shared: 1, exclusive: 2, unlock: 8 } as const;
const LOCK_NB = 4;

/** flock(2) of an open file, waiting for it. */
export function flock(fd: number, how: keyof typeof LOCK): void {
  checked('flock', [fd, how], () => flockNative(fd, LOCK[how]));
}

/** The same without waiting: whether the lock is ours now. */
export function tryFlock(fd: number, how: 'shared' | 'exclusive'): boolean {
  try {
    checked('flock', [fd, how], () => flockNative(fd, LOCK[how] | LOCK_NB));
    return true;
  } catch (error) {
    if (error instanceof SysError && error.code === 'EAGAIN') return false;
    throw error;
  }
}
