/** `--watch`: the table of a group again and again, with its recent past as small graphs. */
import {
  type Column,
  formatRate,
  formatShare,
  type Host,
  renderTable,
  spark,
  wantsColor,
} from '@ctr-tools/cli';
import { draw } from '@ctr-tools/cli/screen';
import { inspect, type Line } from './inspect.ts';
import { labelOf, spell } from './table.ts';
import type { Target } from './target.ts';

const SAMPLES = 30;

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

/** Until it is ended, or the group has gone. */
export function watch(target: Target, pages: readonly string[], host: Host, json: boolean): Promise<number> {
  const history = new Map<string, number[]>();
  let before = inspect(target, pages);
  return draw({
    host,
    json,
    frame(seconds, width) {
      const report = inspect(target, pages);
      if (report.lines.length === 0) return undefined;
      const now = new Map(
        report.lines.map((line) => [
          line.name,
          nowOf(
            line,
            before.lines.find((l) => l.name === line.name),
            seconds,
          ),
        ]),
      );
      before = report;
      if (json) {
        const lines = report.lines.map((line) => ({ ...line, now: now.get(line.name) }));
        return `${JSON.stringify({ time: new Date().toISOString(), ...report, lines })}\n`;
      }
      const rows = report.lines.map((line) => {
        const value = now.get(line.name);
        const past = history.get(line.name) ?? [];
        if (value !== undefined) history.set(line.name, [...past, value].slice(-SAMPLES));
        const most = typeof line.limit === 'number' ? line.limit : undefined;
        const graph = history.get(line.name);
        return [
          labelOf(line.name),
          nowText(line, value),
          spell(line.unit, line.limit, true),
          line.pressure === undefined ? '' : formatShare(line.pressure),
          graph ? spark(graph, most) : '',
        ];
      });
      const table = renderTable(columns, rows, {
        color: wantsColor(host, 1),
        ...(width !== undefined && { width }),
      });
      const count = `${report.processes} process${report.processes === 1 ? '' : 'es'}`;
      return `${report.group}: ${count}${report.frozen ? ', frozen' : ''}\n${table}`;
    },
  });
}
