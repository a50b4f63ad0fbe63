/** `--watch`: the table of a group again and again, with its recent past as small graphs. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Column,
  formatRate,
  formatShare,
  type Host,
  out,
  renderTable,
  wantsColor,
} from '@ctr-tools/cli';
import { inspect, type Line } from './inspect.ts';
import { spell } from './table.ts';
import type { Target } from './target.ts';

const bars = '▁▂▃▄▅▆▇█';
const SAMPLES = 30;
const INTERVAL = 1000;

/** The last values as bars; 0 is the lowest, `most` the highest. */
export function spark(values: readonly number[], most = Math.max(...values, 0)): string {
  return values
    .map(
      (v) =>
        bars[most > 0 ? Math.min(bars.length - 1, Math.floor((Math.max(0, v) / most) * bars.length)) : 0],
    )
    .join('');
}

const columns: readonly Column[] = [
  { title: 'LIMIT ON' },
  { title: 'NOW', align: 'right' },
  { title: 'LIMIT', align: 'right' },
  { title: 'WAITING', align: 'right' },
  { title: 'LAST 30 SECONDS' },
];

/** What a line is worth at a moment: amounts as they are, totals (CPU time, bytes moved) by the second. */
export function nowOf(line: Line, before: Line | undefined, seconds: number): number | undefined {
  if (line.use === undefined) return undefined;
  if (line.unit !== 'cpus' && line.unit !== 'rate') return line.use;
  if (before?.use === undefined || seconds <= 0) return undefined;
  return Math.max(0, line.use - before.use) / seconds;
}

function nowText(line: Line, now: number | undefined): string {
  if (now === undefined) return '';
  if (line.unit === 'cpus') return formatShare(now);
  return line.unit === 'rate' ? formatRate(now) : spell(line.unit, now, false);
}

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

/** Until a signal, the closing of stdout, or the end of the group. Without a terminal: one look, after a second. */
export async function watch(target: Target, pages: readonly string[], host: Host): Promise<number> {
  const history = new Map<string, number[]>();
  let before = inspect(target, pages);
  let time = performance.now();
  const terminal = host.tty[1];
  if (terminal) out('\x1b[?25l');
  const leave = (): void => {
    if (terminal) out('\x1b[?25h');
  };
  for (const signal of deadly) process.on(signal, () => endBy(signal, leave));
  try {
    for (;;) {
      await sleep(INTERVAL);
      const report = inspect(target, pages);
      if (report.lines.length === 0) return 0;
      const seconds = (performance.now() - time) / 1000;
      time = performance.now();
      const rows = report.lines.map((line) => {
        const now = nowOf(
          line,
          before.lines.find((l) => l.name === line.name),
          seconds,
        );
        const past = history.get(line.name) ?? [];
        if (now !== undefined) history.set(line.name, [...past, now].slice(-SAMPLES));
        const most = typeof line.limit === 'number' ? line.limit : undefined;
        const graph = history.get(line.name);
        return [
          line.name,
          nowText(line, now),
          spell(line.unit, line.limit, true),
          line.pressure === undefined ? '' : formatShare(line.pressure),
          graph ? spark(graph, most) : '',
        ];
      });
      const table = renderTable(columns, rows, {
        color: wantsColor(host, 1),
        ...(terminal && { width: host.columns }),
      });
      const count = `${report.processes} process${report.processes === 1 ? '' : 'es'}`;
      const head = `${report.group}: ${count}${report.frozen ? ', frozen' : ''}\n`;
      const text = `${head}${table}`;
      out(terminal ? `\x1b[H\x1b[J${fitted(text, host.rows)}` : text);
      if (!terminal) return 0;
      before = report;
    }
  } finally {
    leave();
  }
}
