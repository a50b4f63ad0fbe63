/** How far layers are: a line with a bar for each that arrives, and one for all, on a terminal. */
import { err, formatSize, type Host, progressLine } from '@ctr-tools/cli';

/** Lines at once beside that of all; milliseconds between drawings, and before the first. */
const LINES = 5;
const INTERVAL = 80;
const PATIENCE = 300;

export interface Bars {
  /** So much of a blob is there; at its end it is `undefined`. */
  at(digest: string, done: number | undefined, total: number): void;
  end(): void;
}

export function bars(what: string, count: number, { tty, columns }: Pick<Host, 'tty' | 'columns'>): Bars {
  if (!tty[2]) return { at: () => {}, end: () => {} };
  const running = new Map<string, { done: number; total: number }>();
  const began = Date.now();
  let drawn = 0;
  let shown = 0;
  let ready = 0;
  const wipe = (): void => {
    if (shown > 0) err(`\r\x1b[${shown}A\x1b[J`);
    shown = 0;
  };
  return {
    at(digest, done, total) {
      if (done === undefined) {
        running.delete(digest);
        ready++;
      } else running.set(digest, { done, total });
      const now = Date.now();
      if (now - began < PATIENCE || now - drawn < INTERVAL) return;
      drawn = now;
      const lines = [...running]
        .slice(0, LINES)
        .map(([name, one]) =>
          progressLine(
            name.slice(name.indexOf(':') + 1).slice(0, 12),
            one.done,
            one.total,
            columns - 1,
            formatSize,
          ),
        );
      const all = `${what}: ${ready} of ${count} layers`.slice(0, columns - 1);
      const text = [...lines, all].map((line) => `${line}\x1b[K\n`).join('');
      err(`${shown > 0 ? `\r\x1b[${shown}A` : ''}${text}\x1b[J`);
      shown = lines.length + 1;
    },
    end: wipe,
  };
}
