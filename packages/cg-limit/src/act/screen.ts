/** What is drawn again each second until it is ended: by `q`, by a signal, by the closing of stdout, or by itself. */
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { clearTimeout, setTimeout } from 'node:timers';
import { type Host, out } from '@ctr-tools/cli';
import { readText } from '@ctr-tools/host';

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
  /** What is to be seen now, `seconds` after the last time; undefined where there is nothing more. */
  frame(seconds: number, width: number | undefined): string | undefined;
  /** A key that was typed; whether the picture changes by it. */
  key?(key: string): boolean;
}

/** Whether keys are typed for us: who changes a terminal from the background is stopped (termios(3), tcsetpgrp(3)). */
function inForeground(): boolean {
  const stat = readText('/proc/self/stat');
  // After the name, which may hold anything: state, ppid, pgrp, session, tty_nr, tpgid (proc_pid_stat(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[2] === fields[5];
}

/** How large the terminal is now. */
const size = (host: Host): { columns: number; rows: number } => ({
  columns: process.stdout.columns ?? host.columns,
  rows: process.stdout.rows ?? host.rows,
});

/** Without a terminal, and not as JSON: one look, after a second. */
export async function draw({ host, json, frame, key }: Screen): Promise<number> {
  const terminal = host.tty[1] && !json;
  const keys = terminal && host.tty[0] && inForeground();
  let wake: () => void = () => {};
  let quit = false;
  const enter = (): void => {
    if (keys) process.stdin.setRawMode(true);
    if (terminal) out('\x1b[?25l');
  };
  const leave = (): void => {
    if (keys) process.stdin.setRawMode(false);
    if (terminal) out('\x1b[?25h');
  };
  const typed = (text: string): void => {
    for (const letter of text) {
      const signal = signalKeys[letter];
      if (signal === 'SIGTSTP') {
        // The launcher, which waits for us, is to stop as well, and the shell to see it.
        leave();
        process.kill(0, signal);
      } else if (signal !== undefined) endBy(signal, leave);
      else if (letter === 'q') quit = true;
      else if (!key?.(letter)) continue;
      wake();
    }
  };
  for (const signal of deadly) process.on(signal, () => endBy(signal, leave));
  if (terminal)
    process.on('SIGCONT', () => {
      enter();
      wake();
    });
  if (keys) process.stdin.setEncoding('utf8').on('data', typed);
  enter();
  try {
    let time = performance.now();
    for (;;) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, INTERVAL);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (quit) return 0;
      const { columns, rows } = size(host);
      const seconds = (performance.now() - time) / 1000;
      const text = frame(seconds, terminal ? columns : undefined);
      if (text === undefined) return 0;
      time = performance.now();
      out(terminal ? `\x1b[H\x1b[J${fitted(text, rows)}` : text);
      if (!terminal && !json) return 0;
    }
  } finally {
    leave();
    if (keys) process.stdin.pause();
  }
}
