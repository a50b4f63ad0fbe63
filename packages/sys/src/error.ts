import { getSystemErrorMap } from 'node:util';
import { ERRNO, errnoName } from './constants/errno.ts';
import { koffi } from './koffi.ts';

/** What the kernel answered, in words. */
function errnoWords(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[1] ?? 'refused by the kernel';
}

/** A system call that failed: which, with what, and what the kernel answered. */
export class SysError extends Error {
  override name = 'SysError';
  /** `umount2` */
  readonly call: string;
  readonly args: readonly unknown[];
  readonly errno: number;
  /** `EBUSY` */
  readonly code: string;

  constructor(call: string, args: readonly unknown[], errno: number) {
    const code = errnoName(errno);
    super(`${call}(${args.map(spell).join(', ')}): ${code} (${errnoWords(errno)})`);
    this.call = call;
    this.args = args;
    this.errno = errno;
    this.code = code;
  }
}

function spell(arg: unknown): string {
  if (arg instanceof Uint8Array) return `<${arg.length} bytes>`;
  // Numbers that read better in another base come as text.
  return typeof arg === 'string' && !/^0x?[\da-f]+$/.test(arg) ? JSON.stringify(arg) : String(arg);
}

/**
 * Make a call and check its result: again after EINTR, a `SysError` for -1. `args` are what
 * the error shows.
 */
export function checked(call: string, args: readonly unknown[], run: () => number): number {
  for (;;) {
    const result = run();
    if (result !== -1) return result;
    const errno = koffi().errno();
    if (errno !== ERRNO.EINTR) throw new SysError(call, args, errno);
  }
}
