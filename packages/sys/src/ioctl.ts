import { checked } from './error.ts';
import { native } from './koffi.ts';

const ioctlNumber = native<(fd: number, request: number | bigint, value: number | bigint) => number>(
  'int ioctl(int fd, unsigned long request, long value)',
);
const ioctlPointer = native<(fd: number, request: number | bigint, memory: Uint8Array) => number>(
  'int ioctl(int fd, unsigned long request, void *memory)',
);

/**
 * ioctl(2) with a number or with memory that the kernel reads or fills. Returns what the
 * kernel does: for many requests a new descriptor, which is the caller's to close.
 */
export function ioctl(
  fd: number,
  request: number | bigint,
  argument: number | bigint | Uint8Array = 0,
): number {
  const args = [fd, `0x${request.toString(16)}`, argument];
  return checked('ioctl', args, () =>
    argument instanceof Uint8Array ? ioctlPointer(fd, request, argument) : ioctlNumber(fd, request, argument),
  );
}
