import { errorCode } from '@ctr-tools/host';
import type { Unseen } from '../facts.ts';

/** Reads that may be refused: what was not seen is noted once for each thing, and the process's end once. */
export class Eyes {
  readonly unseen: Unseen[] = [];
  ended = false;

  /** What was read; undefined where it is not there or not ours to see. */
  see<T>(what: string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined) throw error;
      // A process that has ended is ENOENT at a path and ESRCH in a file that was opened before.
      if (code === 'ESRCH') this.ended = true;
      if (code === 'EACCES' || code === 'EPERM') this.note(what, 'only its own user and root may look');
      else if (code !== 'ENOENT' && code !== 'ESRCH') this.note(what, (error as Error).message);
      return undefined;
    }
  }

  note(what: string, why: string): void {
    if (!this.unseen.some((u) => u.what === what)) this.unseen.push({ what, why });
  }
}

/** What a read gives, or undefined whatever the reason: for what belongs to others. */
export function maybe<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
}
