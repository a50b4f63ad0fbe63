import { concat, errorCode, read, sleep } from '@ctr-tools/host';
import { Failure } from './errors.ts';
import { isOpen } from './streams.ts';
import { kernelWords } from './system-failure.ts';

/** What was read from stdin, which nobody can read again; undefined where nothing was. */
export let consumedStdin: Uint8Array | undefined;

/** All of stdin, or undefined where it is closed. */
export function readStdin(): Uint8Array | undefined {
  if (!isOpen(0)) return undefined;
  const parts: Uint8Array[] = [];
  for (;;) {
    const part = new Uint8Array(65536);
    let n: number;
    try {
      n = read(0, part);
    } catch (error) {
      const code = errorCode(error);
      if (code === 'EBADF') return undefined;
      if (code === 'EOF') n = 0;
      else if (code === 'EAGAIN') {
        sleep(2);
        continue;
      } else throw new Failure(`read stdin: ${kernelWords(error)}`);
    }
    if (n === 0) {
      consumedStdin = concat(parts);
      return consumedStdin;
    }
    parts.push(part.subarray(0, n));
  }
}
