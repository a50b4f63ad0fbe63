/** Columns of `--show`, by the names that lsns(8) has for them, and a few more. */

import { UsageError } from '@ctr-tools/cli';
import { readText } from '@ctr-tools/host';
import type { Holder, Namespace, ProcessInfo } from './collect.ts';

/** One line of the list: a namespace, or (in a tree of processes) one process of it. */
export interface Row {
  namespace: Namespace;
  /** The process that stands for it: the lowest PID. */
  process?: ProcessInfo;
}

export type Cell = string | number | null;

export interface ColumnShape {
  help: string;
  /** A number, which stands to the right. */
  right?: boolean;
  cell(row: Row): Cell;
}

let users: Map<number, string> | undefined;

/** A user's name; the number where it has none. */
export function userName(uid: number): string {
  users ??= new Map(
    (() => {
      try {
        return readText('/etc/passwd');
      } catch {
        return '';
      }
    })()
      .split('\n')
      .map((line) => line.split(':'))
      .map((fields) => [Number(fields[2]), fields[0]!]),
  );
  return users.get(uid) ?? String(uid);
}

/** `mount /run/netns/a`, `descriptor 5 of 812` */
export function holderWords(holder: Holder): string {
  switch (holder.by) {
    case 'mount':
      return `mount ${holder.path}`;
    case 'descriptor':
      return `descriptor ${holder.fd} of ${holder.pid}`;
    case 'thread':
      return `thread ${holder.tid} of ${holder.pid}`;
    case 'socket':
      return `socket ${holder.fd} of ${holder.pid}`;
    case 'children':
      return `children of ${holder.pid}`;
    case 'namespace':
      return `namespace ${holder.ns}`;
  }
}

const mountsOf = ({ namespace }: Row): string[] => [
  ...new Set(namespace.holders.flatMap((holder) => (holder.by === 'mount' ? [holder.path] : []))),
];

export const columns: Readonly<Record<string, ColumnShape>> = {
  NS: { help: 'inode of the namespace', right: true, cell: ({ namespace }) => namespace.ns },
  TYPE: { help: 'kind', cell: ({ namespace }) => namespace.type },
  PATH: {
    help: 'a file that leads to it',
    cell: (row) =>
      row.process ? `/proc/${row.process.pid}/ns/${row.namespace.type}` : (mountsOf(row)[0] ?? null),
  },
  NPROCS: { help: 'number of processes', right: true, cell: ({ namespace }) => namespace.processes.length },
  PID: { help: 'lowest PID in it', right: true, cell: ({ process }) => process?.pid ?? null },
  PPID: { help: 'parent of that PID', right: true, cell: ({ process }) => process?.ppid ?? null },
  COMMAND: { help: 'command line of that PID', cell: ({ process }) => process?.command ?? null },
  UID: { help: 'user ID of that PID', right: true, cell: ({ process }) => process?.uid ?? null },
  USER: { help: 'user of that PID', cell: ({ process }) => (process ? userName(process.uid) : null) },
  NETNSID: {
    help: 'number by which our network namespace calls it',
    right: true,
    // As lsns(8): a network namespace without one is unassigned.
    cell: ({ namespace }) => (namespace.type === 'net' ? (namespace.netnsId ?? 'unassigned') : null),
  },
  NSFS: { help: 'where it is bound', cell: (row) => mountsOf(row).join(',') || null },
  PNS: {
    help: 'parent namespace (of PID and user namespaces)',
    right: true,
    cell: ({ namespace }) => namespace.parent ?? 0,
  },
  ONS: { help: 'user namespace that owns it', right: true, cell: ({ namespace }) => namespace.owner ?? 0 },
  OWNER: {
    help: 'who made a user namespace',
    cell: ({ namespace }) => (namespace.ownerUid === undefined ? null : userName(namespace.ownerUid)),
  },
  HELD: {
    help: 'who holds it open beside its processes',
    cell: ({ namespace }) => [...new Set(namespace.holders.map(holderWords))].join(', ') || null,
  },
};

export const usual = ['NS', 'TYPE', 'NPROCS', 'PID', 'USER', 'ONS', 'PNS', 'HELD', 'COMMAND'];

/** `-o NS,TYPE`, `-o +PATH`, `--output-all`. */
export function chooseColumns(output: string | undefined, all: boolean): string[] {
  if (all) return Object.keys(columns);
  if (output === undefined) return usual;
  const plus = output.startsWith('+');
  const names = output
    .slice(plus ? 1 : 0)
    .toUpperCase()
    .split(',');
  for (const name of names)
    if (!Object.hasOwn(columns, name))
      throw new UsageError(
        `--output: there is no column ${name}; there are ${Object.keys(columns).join(', ')}`,
      );
  return plus ? [...usual, ...names] : names;
}
