import { readSync } from 'node:fs';

/** All of stdin, or undefined where it is closed. */
export function readStdin(): Buffer | undefined {
  const parts: Buffer[] = [];
  for (;;) {
    const part = Buffer.allocUnsafe(65536);
    let n: number;
    try {
      n = readSync(0, part, 0, part.length, null);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EBADF') return undefined;
      if (code === 'EOF') n = 0;
      else if (code === 'EAGAIN') {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
        continue;
      } else throw error;
    }
    if (n === 0) return Buffer.concat(parts);
    parts.push(part.subarray(0, n));
  }
}
