/** flock(2) of files, without keeping this process from what it does beside. */
import { closeSync, fstatSync, openSync, statSync, unlinkSync } from 'node:fs';
import { flock, tryFlock } from '@ctr-tools/sys';
import { wait } from './registry/retry.ts';

/** How often another's lock is looked at (milliseconds). */
const LOOK = 30;

export interface Held {
  /** Let go of it; the file stays. */
  release(): void;
  /** The same, and remove the file. */
  remove(): void;
}

/** Hold a lock, waiting for whoever has it. `flags` r: it is a directory, which is there. */
export async function hold(
  path: string,
  how: 'shared' | 'exclusive' = 'exclusive',
  flags: 'a+' | 'r' = 'a+',
): Promise<Held> {
  for (;;) {
    const fd = openSync(path, flags, 0o600);
    while (!tryFlock(fd, how)) await wait(LOOK);
    // Who had it may have removed the file: then another's lock is that of a new one.
    if (isAt(fd, path))
      return {
        release: () => {
          flock(fd, 'unlock');
          closeSync(fd);
        },
        remove: () => {
          unlinkSync(path);
          closeSync(fd);
        },
      };
    closeSync(fd);
  }
}

function isAt(fd: number, path: string): boolean {
  try {
    return fstatSync(fd).ino === statSync(path).ino;
  } catch {
    return false;
  }
}
