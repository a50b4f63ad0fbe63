/** Progress on stderr, on a terminal only; elsewhere it is silent. */
import { monotonic } from '@ctr-tools/host';
import { err } from './output.ts';
import { formatSize } from './units.ts';

export interface Progress {
  /** So much is done now, of the total. */
  update(done: number): void;
  /** All is done: the line goes away. */
  done(): void;
}

export interface ProgressOptions {
  /** Whether stderr is a terminal (`host.tty[2]`). */
  terminal: boolean;
  columns: number;
  /** How amounts are written; sizes by default. */
  format?: (amount: number) => string;
  /** Milliseconds on some clock, and where to write: for tests. */
  now?: () => number;
  write?: (text: string) => void;
}

/** At most this often a line is drawn, in milliseconds. */
const INTERVAL = 80;

/** A bar of `total` (undefined: not known beforehand, then only the amount is shown). */
export function progress(label: string, total: number | undefined, options: ProgressOptions): Progress {
  const { terminal, columns, format = formatSize, now = monotonic, write = err } = options;
  if (!terminal) return { update: () => {}, done: () => {} };
  let drawn = Number.NEGATIVE_INFINITY;
  let shown = false;
  return {
    update(done) {
      const time = now();
      if (time - drawn < INTERVAL) return;
      drawn = time;
      shown = true;
      write(`\r${progressLine(label, done, total, columns - 1, format)}\x1b[K`);
    },
    done() {
      if (shown) write('\r\x1b[K');
      shown = false;
    },
  };
}

/** `label  ███████░░░░░  12 MiB of 30 MiB`, in at most `width` columns. */
export function progressLine(
  label: string,
  done: number,
  total: number | undefined,
  width: number,
  format: (amount: number) => string,
): string {
  if (total === undefined || total <= 0) return `${label}  ${format(done)}`.slice(0, width);
  const share = Math.min(1, Math.max(0, done / total));
  const amounts = `${format(done)} of ${format(total)}`;
  const room = Math.min(30, width - label.length - amounts.length - 4);
  if (room < 5) return `${label}  ${Math.floor(share * 100)}%`.slice(0, width);
  const full = Math.floor(share * room);
  return `${label}  ${'█'.repeat(full)}${'░'.repeat(room - full)}  ${amounts}`;
}
