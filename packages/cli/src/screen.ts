/**
 * What is drawn again each second, or at each key, until it is ended: by `q`, by a signal, by the closing of stdout, or
 * by itself. On Node alone.
 */
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { clearTimeout, setTimeout } from 'node:timers';
import { readText } from '@ctr-tools/host';
import type { Host } from './host.ts';
import { out } from './output.ts';

const INTERVAL = 1000;

/** As many of the lines as a terminal of so many rows shows without scrolling, and how many more there are. */
export function fitted(text: string, rows: number): string {
  const lines = text.trimEnd().split('\n');
  // The cursor stands in a row of its own. A terminal that does not say how large it is has no rows.
  if (rows < 4 || lines.length < rows) return text;
  const shown = rows - 2;
  return `${lines.slice(0, shown).join('\n')}\n… ${lines.length - shown} more\n`;
}

/** What ends a watch from outside: Ctrl-C, Ctrl-\, `kill`, a terminal that is closed. */
const deadly = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'] as const;

/** What these keys send where the terminal does not hand keys on as they are (termios(3), ISIG). */
const signalKeys: Readonly<Record<string, NodeJS.Signals>> = {
  '\x03': 'SIGINT',
  '\x1c': 'SIGQUIT',
  '\x1a': 'SIGTSTP',
};

/** End by a signal, as who has no handler for it would (signal(7)), once the terminal is as it was. */
function endBy(signal: NodeJS.Signals, leave: () => void): void {
  // The terminal may be gone, of which a hangup tells.
  try {
    leave();
  } finally {
    // Until here a second one would have ended us before the cursor is back.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
}

export interface Screen {
  host: Host;
  /** A line of JSON each second instead of a picture. */
  json: boolean;
  /** It shows what is, and not what becomes of it: it is drawn at once, and again at a key alone. */
  still?: boolean;
  /** A screen of its own, behind which what was there comes back (xterm's control sequences, DECSET 1049). */
  own?: boolean;
  /** What is to be seen now, `seconds` after the last time; undefined where there is nothing more. */
  frame(seconds: number, width: number | undefined, height: number | undefined): string | undefined;
  /** A key that was typed, by its letter or its name (`keyNames`); whether the picture changes by it. */
  key?(key: string): boolean;
}

/** What terminals send for keys without a letter (terminfo(5), kcuu1 and so on; xterm's and the VT220's). */
const keyNames: Readonly<Record<string, string>> = {
  '\x1b[A': 'up',
  '\x1bOA': 'up',
  '\x1b[B': 'down',
  '\x1bOB': 'down',
  '\x1b[C': 'right',
  '\x1bOC': 'right',
  '\x1b[D': 'left',
  '\x1bOD': 'left',
  '\x1b[5~': 'page up',
  '\x1b[6~': 'page down',
  '\x1b[H': 'home',
  '\x1bOH': 'home',
  '\x1b[1~': 'home',
  '\x1b[F': 'end',
  '\x1bOF': 'end',
  '\x1b[4~': 'end',
  '\x1b': 'escape',
  '\r': 'enter',
  '\n': 'enter',
  '\x7f': 'backspace',
  '\b': 'backspace',
};

/** The keys of what came in one read: a sequence of a key that has no name here is one that nobody knows. */
export const keysIn = (text: string): string[] =>
  (text.match(/\x1b(?:\[[\d;]*[ -/]*[@-~]|O[ -~])?|[^\x1b]/gsu) ?? []).map((key) => keyNames[key] ?? key);

/** Whether keys are typed for us: who changes a terminal from the background is stopped (termios(3), tcsetpgrp(3)). */
function inForeground(): boolean {
  const stat = readText('/proc/self/stat');
  // After the name, which may hold anything: state, ppid, pgrp, session, tty_nr, tpgid (proc_pid_stat(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[2] === fields[5];
}

/** How large the terminal is now. */
const size = (host: Host): { columns: number; rows: number } => ({
  // A terminal that does not know its size says 0.
  columns: process.stdout.columns || host.columns,
  rows: process.stdout.rows || host.rows,
});

/** The first look at what changes: what is counted by the second needs a while, but a person who waits little. */
const SOON = 250;

/** Without a terminal, and not as JSON: one look, after a second where it is about what changes. */
export async function draw({ host, json, still = false, own = false, frame, key }: Screen): Promise<number> {
  const terminal = host.tty[1] && !json;
  const keys = terminal && host.tty[0] && inForeground();
  // What nobody can leave by a key, and does not change, is to stay where it was written.
  const apart = own && (keys || !still);
  let wake: () => void = () => {};
  let quit = false;
  const enter = (): void => {
    if (keys) process.stdin.setRawMode(true);
    if (terminal) out(apart ? '\x1b[?1049h\x1b[?25l' : '\x1b[?25l');
  };
  const leave = (): void => {
    if (keys) process.stdin.setRawMode(false);
    if (terminal) out(apart ? '\x1b[?25h\x1b[?1049l' : '\x1b[?25h');
  };
  const typed = (text: string): void => {
    for (const one of keysIn(text)) {
      const signal = signalKeys[one];
      if (signal === 'SIGTSTP') {
        // The launcher, which waits for us, is to stop as well, and the shell to see it.
        leave();
        process.kill(0, signal);
      } else if (signal !== undefined) endBy(signal, leave);
      else if (key?.(one)) wake();
      else if (one === 'q') {
        quit = true;
        wake();
      }
    }
  };
  for (const signal of deadly) process.on(signal, () => endBy(signal, leave));
  if (terminal) {
    process.on('SIGCONT', () => {
      enter();
      wake();
    });
    process.on('SIGWINCH', () => wake());
  }
  if (keys) process.stdin.setEncoding('utf8').on('data', typed);
  enter();
  try {
    let time = performance.now();
    for (let first = true; ; first = false) {
      const wait = still ? (first || !keys ? 0 : undefined) : first && terminal && own ? SOON : INTERVAL;
      await new Promise<void>((resolve) => {
        const timer = wait === undefined ? undefined : setTimeout(resolve, wait);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (quit) return 0;
      const { columns, rows } = size(host);
      const seconds = (performance.now() - time) / 1000;
      const text = terminal ? frame(seconds, columns, rows) : frame(seconds, undefined, undefined);
      if (text === undefined) return 0;
      time = performance.now();
      out(terminal ? `\x1b[H\x1b[J${fitted(text, rows)}` : text);
      if (!json && (!terminal || (still && !keys))) return 0;
    }
  } finally {
    leave();
    if (keys) process.stdin.pause();
  }
}
