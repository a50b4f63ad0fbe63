/** All groups of the machine as one tree: the hierarchies laid over one another. */

import {
  type Branch,
  type Column,
  printable,
  renderTable,
  type TableOptions,
  treeLines,
} from '@ctr-tools/cli';
import { entriesIn, join } from '@ctr-tools/host';
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

const columns: readonly Column[] = [
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

/** The tree with the use of memory and CPU. */
export function treeTable(options: TableOptions): string {
  const rows = [...treeLines([groupTree()])].map(({ prefix, value }) => {
    const report = inspect(value, []);
    const memory = report.lines.find((l) => l.name === 'memory');
    const cpu = report.lines.find((l) => l.name === 'cpu');
    const name = value.name === '/' ? '/' : value.name.slice(value.name.lastIndexOf('/') + 1);
    return [
      `${prefix}${printable(name)}`,
      String(report.processes),
      spell('bytes', memory?.use, false),
      spell('bytes', memory?.limit, true),
      spell('cpus', cpu?.use, false),
      spell('cpus', cpu?.limit, true),
    ];
  });
  return renderTable(columns, rows, options);
}
