import {
  type Column,
  formatDuration,
  formatRate,
  formatShare,
  formatSize,
  renderTable,
  type TableOptions,
} from '@ctr-tools/cli';
import { basename, readLink } from '@ctr-tools/host';
import type { Line, Report } from './inspect.ts';

const columns: readonly Column[] = [
  { title: 'LIMIT ON' },
  { title: 'LIMIT', align: 'right' },
  { title: 'USE', align: 'right' },
  { title: 'PEAK', align: 'right' },
  { title: 'WAITING', align: 'right' },
  { title: 'COUNTS' },
];

/** An amount of a line in its unit; CPU time has a limit in CPUs and a use in seconds. */
export function spell(unit: Line['unit'], value: number | string | undefined, isLimit: boolean): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value === 'max' ? '-' : value;
  if (unit === 'bytes') return formatSize(value);
  if (unit === 'rate') return isLimit ? formatRate(value) : formatSize(value);
  if (unit === 'cpus') return isLimit ? `${Number(value.toFixed(3))} CPUs` : formatDuration(value * 1e9);
  return String(value);
}

const counts = (line: Line): string =>
  Object.entries(line.counts ?? {})
    .map(([name, n]) => `${name} ${n}`)
    .join(', ');

/** `io 7:0 read`, `device c 1:3 r` with the name that the kernel has for the number (sysfs(5), /sys/dev). */
export function labelOf(name: string): string {
  return name.replace(/^(io|device) (?:([bc]) )?(\d+:\d+)(?= |$)/, (all, _kind, type, number) => {
    try {
      return `${all} (${basename(readLink(`/sys/dev/${type === 'c' ? 'char' : 'block'}/${number}`))})`;
    } catch {
      return all; // a device that is not there, or for nobody here to see
    }
  });
}

/** One group as a table; `below` is what stands between its head and that. */
export function reportTable(report: Report, options: TableOptions = {}, below = ''): string {
  const head = `${report.group}: ${report.processes} process${report.processes === 1 ? '' : 'es'}${report.frozen ? ', frozen' : ''}\n`;
  const rows = report.lines.map((line) => [
    labelOf(line.name),
    spell(line.unit, line.limit, true),
    spell(line.unit, line.use, false),
    spell(line.unit, line.peak, false),
    line.pressure === undefined ? '' : formatShare(line.pressure),
    counts(line),
  ]);
  return head + below + renderTable(columns, rows, options);
}
