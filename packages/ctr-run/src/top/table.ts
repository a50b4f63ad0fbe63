/** The table of containers. Pure. */
import {
  type Column,
  formatRate,
  formatShare,
  formatSize,
  gauge,
  paint,
  printable,
  renderTable,
  spark,
} from '@ctr-tools/cli';
import type { Pressure } from './meter.ts';

export interface Row {
  name: string;
  maker: string;
  group: string;
  tasks: number;
  /** CPUs that it used since the last time. */
  cpu?: number | undefined;
  memory?: number | undefined;
  memoryLimit?: number | undefined;
  pressure: Pressure;
  /** Bytes a second, read and written. */
  io?: number | undefined;
  frozen: boolean;
}

/** How rows are sorted, each by its first letter but tasks, whose letter is that of its other name. */
export const sortKeys = ['cpu', 'memory', 'pressure', 'tasks', 'io', 'name'] as const;
export type SortKey = (typeof sortKeys)[number];

/** What it waited for longest, and how long. */
export function worst(pressure: Pressure): { share: number; what: keyof Pressure } | undefined {
  const all = Object.entries(pressure) as [keyof Pressure, number][];
  const [what, share] = all.reduce((a, b) => (b[1] > a[1] ? b : a), ['cpu', 0] as [keyof Pressure, number]);
  return share > 0 ? { share, what } : undefined;
}

const amount = (row: Row, by: Exclude<SortKey, 'name'>): number =>
  by === 'pressure' ? (worst(row.pressure)?.share ?? 0) : (row[by] ?? 0);

const byName = (a: Row, b: Row): number => compared(a.name, b.name) || compared(a.group, b.group);
const compared = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The largest first, of the same by name. */
export const sorted = (rows: readonly Row[], by: SortKey): Row[] =>
  by === 'name'
    ? rows.toSorted(byName)
    : rows.toSorted((a, b) => amount(b, by) - amount(a, by) || byName(a, b));

export interface Look {
  /** Absent for a pipe or a file, in which nothing is cut. */
  width?: number;
  color: boolean;
  /** The group of the row that is chosen. */
  chosen?: string | undefined;
  /** CPU shares of the last seconds by group. */
  past(group: string): readonly number[];
}

const GAUGE = 8;

/** How many seconds the graph of the CPU shows. */
const samplesFor = (width: number | undefined): number => (width === undefined || width < 120 ? 10 : 30);
export const MOST_SAMPLES = 30;

/** The lines of the table, its titles first. What does not change with the rows below is what makes columns go first. */
export function tableLines(rows: readonly Row[], look: Look): string[] {
  const { width, color, chosen, past } = look;
  const live = width !== undefined;
  const samples = samplesFor(width);
  const columns: readonly Column[] = [
    ...(live ? [{ title: '' }] : []),
    { title: 'CONTAINER', shrink: true, least: 12 },
    { title: 'MAKER', spare: 3 },
    { title: 'CPU', align: 'right' },
    ...(live ? [{ title: `${samples} SECONDS`.padEnd(samples), spare: 2 }] : []),
    { title: 'MEMORY', align: 'right' },
    { title: 'OF', align: 'right', spare: 4 },
    { title: ' '.repeat(GAUGE), spare: 1 },
    { title: 'WAITS', spare: 6 },
    { title: 'TASKS', align: 'right' },
    { title: 'I/O', align: 'right', spare: 5 },
  ];
  const cells = rows.map((row) => {
    const waits = worst(row.pressure);
    return [
      ...(live ? [row.group === chosen ? '>' : ' '] : []),
      printable(row.name),
      row.maker,
      row.frozen ? 'frozen' : row.cpu === undefined ? '' : formatShare(row.cpu),
      ...(live
        ? [spark(past(row.group).slice(-samples), Math.max(1, ...past(row.group))).padStart(samples)]
        : []),
      row.memory === undefined ? '' : formatSize(row.memory),
      row.memoryLimit === undefined ? '' : formatSize(row.memoryLimit),
      row.memoryLimit && row.memory !== undefined ? gauge(row.memory / row.memoryLimit, GAUGE) : '',
      waits ? `${formatShare(waits.share)} ${waits.what}` : '',
      String(row.tasks),
      row.io === undefined ? '' : row.io > 0 ? formatRate(row.io) : '0',
    ];
  });
  const lines = renderTable(columns, cells, { color, ...(width !== undefined && { width }) })
    .trimEnd()
    .split('\n');
  const at = rows.findIndex(({ group }) => group === chosen);
  if (live && at >= 0 && color) lines[at + 1] = paint(true).bold(lines[at + 1]!);
  return lines;
}
