/** All groups of the machine as one tree: the hierarchies laid over one another. */

import {
  type Branch,
  type Column,
  printable,
  renderTable,
  type TableOptions,
  treeLines,
} from '@ctr-tools/cli';
import { entriesIn, join, monotonic } from '@ctr-tools/host';
import { carriedBy, hierarchiesOf } from '../layout.ts';
import { inspect, type Report } from './inspect.ts';
import { spell } from './table.ts';
import type { Place, Target } from './target.ts';

/** Groups with their targets, from the root down. */
export function groupTree(): Branch<Target> {
  const roots: Place[] = hierarchiesOf().map((h) => ({
    version: h.version,
    controllers: h.version === 1 ? carriedBy(h) : [],
    directory: h.mountPoint,
    mountPoint: h.mountPoint,
  }));
  return branch('/', roots);
}

function branch(name: string, places: readonly Place[]): Branch<Target> {
  const below = new Map<string, Place[]>();
  for (const place of places) {
    for (const child of subdirectories(place.directory)) {
      const list = below.get(child) ?? [];
      list.push({ ...place, directory: join(place.directory, child) });
      below.set(child, list);
    }
  }
  return {
    value: { name, places },
    children: [...below]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([child, list]) => branch(join(name, child), list)),
  };
}

function subdirectories(directory: string): string[] {
  try {
    return entriesIn(directory).flatMap((entry) => (entry.type === 'directory' ? [entry.name] : []));
  } catch {
    return []; // removed meanwhile
  }
}

/** What is shown of each group, once or live. */
export const columns: readonly Column[] = [
  { title: 'GROUP', shrink: true },
  { title: 'PROCESSES', align: 'right' },
  { title: 'MEMORY', align: 'right' },
  { title: 'OF', align: 'right' },
  { title: 'CPU', align: 'right' },
  { title: 'OF', align: 'right' },
];

/** Each group's report, as a list for `--json`. */
export function treeReports(): Report[] {
  return [...treeLines([groupTree()])].map(({ value }) => inspect(value, []));
}

export const sortKeys = ['memory', 'cpu', 'processes', 'name'] as const;
export type SortKey = (typeof sortKeys)[number];

const lineOf = (report: Report, name: string) => report.lines.find((l) => l.name === name);

/** How much a group has of what is sorted by. */
function amount(report: Report, key: SortKey): number {
  return key === 'processes' ? report.processes : (lineOf(report, key)?.use ?? 0);
}

/** Groups in which something runs, they or those below; the largest first, of the same the first by name. */
export function sortedReports(key: SortKey): Report[] {
  return live(groupTree())
    .reports.toSorted((a, b) => (a.group < b.group ? -1 : 1))
    .toSorted((a, b) => (key === 'name' ? 0 : amount(b, key) - amount(a, key)));
}

/** The reports of a branch less the empty groups, and whether there are any but empty ones. */
function live({ value, children }: Branch<Target>): { reports: Report[]; any: boolean } {
  const own = inspect(value, []);
  const below = children.map(live);
  const any = own.processes > 0 || below.some((branch) => branch.any);
  return { any, reports: [...(any ? [own] : []), ...below.flatMap(({ reports }) => reports)] };
}

/** A group in which something runs, itself or below, and what it uses. */
export interface LiveGroup {
  target: Target;
  report: Report;
  /** When it was read, in milliseconds of a clock that nobody sets: reading all of a busy machine takes a while. */
  at: number;
}

/** The tree of those; the root is always there. */
export function liveTree(): Branch<LiveGroup> {
  const grow = ({ value, children }: Branch<Target>): Branch<LiveGroup> & { any: boolean } => {
    const report = inspect(value, []);
    const at = monotonic();
    const below = children.map(grow).filter(({ any }) => any);
    return {
      value: { target: value, report, at },
      children: below,
      any: report.processes > 0 || below.length > 0,
    };
  };
  return grow(groupTree());
}

/** The groups in which something runs as a list, whole paths. */
export const listTable = (key: SortKey, options: TableOptions): string =>
  renderTable(
    columns,
    sortedReports(key).map((report) => [printable(report.group), ...cells(report)]),
    options,
  );

function cells(report: Report): string[] {
  const memory = lineOf(report, 'memory');
  const cpu = lineOf(report, 'cpu');
  return [
    String(report.processes),
    spell('bytes', memory?.use, false),
    spell('bytes', memory?.limit, true),
    spell('cpus', cpu?.use, false),
    spell('cpus', cpu?.limit, true),
  ];
}

/** The tree with the use of memory and CPU. */
export function treeTable(options: TableOptions): string {
  const rows = [...treeLines([groupTree()])].map(({ prefix, value }) => {
    const report = inspect(value, []);
    const name = value.name === '/' ? '/' : value.name.slice(value.name.lastIndexOf('/') + 1);
    return [`${prefix}${printable(name)}`, ...cells(report)];
  });
  return renderTable(columns, rows, options);
}
