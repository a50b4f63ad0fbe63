/** `--show`: the machine's namespaces, or those of one process. */
import {
  type Branch,
  commandOf,
  containerPid,
  engineContainer,
  err,
  Failure,
  given as givenFor,
  type Host,
  out,
  type Parsed,
  PID_MAX,
  printable,
  processTargets,
  renderTable,
  treeLines,
  UsageError,
  wantsColor,
} from '@ctr-tools/cli';
import { callerPid } from '@ctr-tools/sys/proc';
import { flags, lettersOfLsns } from '../flags.ts';
import { fileOf, kindByName } from '../kinds.ts';
import { namespaceOf } from '../proc.ts';
import { parseTarget } from '../target.ts';
import { collect, files, type Machine, type Namespace, processInfo } from './collect.ts';
import { type Cell, chooseColumns, columns, holderWords, type Row, usual } from './columns.ts';
import { parseFilter } from './filter.ts';
import { namespaceTree, processTrees, rowOf, type TreeKind } from './tree.ts';

type Filter = (row: Row) => boolean;

/** So many letters of a command say which one it is. */
const LEAST_COMMAND = 25;
/** What a narrow terminal is spared of the usual columns, and in which order; `--output +PNS` has it all the same. */
const spares: Readonly<Record<string, number>> = { PNS: 1, ONS: 2, HELD: 3 };

interface Style {
  host: Host;
  json: boolean;
  raw: boolean;
  bare: boolean;
  /** Nothing is cut on a terminal. */
  whole?: boolean;
}

/**
 * Letters that mean something else to lsns(8), whose habits --show follows: -t is a kind there, -n no headings, -r
 * raw, -p a process (an operand here), -T a tree, -u nothing cut. With a value they say how a command is run, and are refused.
 */
function asLsns({ flags, operands }: Parsed): Parsed {
  const own = new Map(flags);
  const moved = (from: string, to: string, value: string): void => {
    own.delete(from);
    own.set(to, [...(own.get(to) ?? []), value]);
  };
  for (const [name, [value = '']] of flags) {
    if (name === 'target' && value.split(',').every((word) => kindByName(word))) moved(name, 'type', value);
    else if (name === 'target') throw new UsageError(`--show ${value}: a process is named without --target`);
    else if (name === 'net' && value === '') moved(name, 'noheadings', '');
    else if (name === 'root' && value === '') moved(name, 'raw', '');
    else if (name === 'time' && value === '') moved(name, 'tree', '');
    else if (name === 'uts' && value === '') moved(name, 'notruncate', '');
    else if (name === 'pid' && value === '') own.delete(name);
    else if (lettersOfLsns.includes(name))
      throw new UsageError(`--${name} says how a command is run; --show only looks: leave it out`);
  }
  return { flags: own, operands, command: undefined };
}

export function show(all: Parsed, host: Host): number {
  const parsed = asLsns(all);
  const { json: asJson, raw, noheadings: bare, tree: how, type, output, ...given } = givenFor(flags, parsed);
  const style = { host, json: asJson, raw, bare, whole: parsed.flags.has('notruncate') };
  if (given['list-columns']) return listColumns(style);
  const filter = filterOf(given.filter, given.persistent);
  const words = [parsed.flags.get('show')?.[0] || undefined, ...parsed.operands].filter(
    (word) => word !== undefined,
  );
  if (words.length > 1) throw new UsageError(`--show takes one process; here are ${words.join(' and ')}`);
  const wanted = type.length === 0 ? undefined : new Set(type.flat().map(fileOf));
  const machine = collect();
  const [word] = words;
  const one = word === undefined ? undefined : namespaceNamed(machine, word);
  if (one) {
    showInside(machine, one.type, one.ns, style, filter, output);
    return 0;
  }
  if (word !== undefined) {
    const kindWanted = (type: string): boolean => !wanted || wanted.has(type as never);
    showProcess(machine, pidOf(word, host), style, kindWanted, filter);
    return 0;
  }
  const namespaces = [...machine.namespaces.values()]
    .filter((namespace) => (!wanted || wanted.has(namespace.type)) && filter(rowOf(namespace)))
    .sort((a, b) => a.ns - b.ns);
  const chosen = chooseColumns(output, given['output-all']);
  const tree = treeKind(how);
  if (tree) showTree(namespaces, tree, chosen, style);
  else if (style.json)
    json({ namespaces: namespaces.map((n) => record(rowOf(n), chosen, output === undefined)) });
  else
    print(
      chosen,
      namespaces.map((n) => cells(rowOf(n), chosen)),
      style,
    );
  const { hidden } = machine;
  if (hidden > 0 && host.tty[2])
    err(
      `ns-enter: the namespaces of ${hidden} other process${hidden > 1 ? 'es' : ''} are not yours to see\n`,
    );
  return 0;
}

/** `net:[4026531833]`, or as lsns(8) has it the number alone: no PID is so high. */
function namespaceNamed(machine: Machine, word: string): { type: string; ns: number } | undefined {
  const link = /^([a-z]+):\[(\d+)\]$/.exec(word);
  if (link) return { type: link[1]!, ns: Number(link[2]) };
  if (!/^\d+$/.test(word) || Number(word) <= PID_MAX) return undefined;
  const found = machine.namespaces.get(Number(word));
  if (!found) throw new Failure(`--show ${word}: there is no such namespace, and no PID is so high`);
  return found;
}

function filterOf(expression: string | undefined, persistent: boolean): Filter {
  const shapes = Object.entries(columns).map(
    ([name, { cell, right }]) => [name, { cell, number: right === true }] as const,
  );
  const holds: Filter =
    expression === undefined ? () => true : parseFilter(expression, Object.fromEntries(shapes));
  return persistent ? (row) => row.namespace.processes.length === 0 && holds(row) : holds;
}

function listColumns(style: Style): number {
  const rows = Object.entries(columns).map(([name, { help, right }]) => ({
    name,
    type: right ? 'number' : 'string',
    description: help,
  }));
  if (style.json) json({ columns: rows });
  else
    print(
      ['NAME', 'TYPE', 'DESCRIPTION'],
      rows.map((row) => Object.values(row)),
      style,
    );
  return 0;
}

function treeKind(value: string | undefined): TreeKind | undefined {
  if (value === undefined) return undefined;
  if (value === '' || value === 'owner') return 'owner';
  if (value === 'parent' || value === 'process') return value;
  throw new UsageError(`--tree is "${value}"; it is owner, parent or process`);
}

function pidOf(word: string, host: Host): number {
  if (word === 'self') return callerPid(host.pid);
  const target = parseTarget(word);
  if (target.by === 'container') return containerPid(target.id, host, '--show');
  if (target.by === 'engine') return engineContainer(target.word, host, '--show').pid;
  if (target.by === 'pid') return commandOf(target.pid, host);
  throw new UsageError(`--show ${word}: a process is self, ${processTargets}`);
}

const cells = (row: Row, chosen: readonly string[]): Cell[] => chosen.map((name) => columns[name]!.cell(row));

function record(row: Row, chosen: readonly string[], whole: boolean): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const name of chosen) if (name !== 'HELD') fields[name.toLowerCase()] = columns[name]!.cell(row);
  if (whole || chosen.includes('HELD')) fields.held = row.namespace.holders;
  return fields;
}

const json = (value: unknown): void => out(`${JSON.stringify(value, null, 2)}\n`);

function print(
  chosen: readonly string[],
  rows: readonly (readonly Cell[])[],
  { host, raw, bare, whole }: Style,
): void {
  const text = rows.map((row) => row.map((cell) => printable(String(cell ?? ''))));
  if (raw) {
    // As lsns(8): one space between, and what would break a column is escaped.
    const line = (row: readonly string[]): string =>
      `${row.map((cell) => cell.replace(/ /g, '\\x20') || '-').join(' ')}\n`;
    out((bare ? '' : line(chosen)) + text.map(line).join(''));
    return;
  }
  const shape = chosen.map((title) => ({
    title,
    ...(columns[title]?.right && { align: 'right' as const }),
    ...((title === 'COMMAND' || title === 'HELD') && { shrink: true }),
    ...(title === 'COMMAND' && { least: LEAST_COMMAND }),
    ...(chosen === usual && spares[title] && { spare: spares[title] }),
  }));
  out(
    renderTable(shape, text, {
      ...(host.tty[1] && !whole && { width: host.columns }),
      color: wantsColor(host, 1),
      bare,
    }),
  );
}

function showTree(
  namespaces: readonly Namespace[],
  tree: TreeKind,
  chosen: readonly string[],
  style: Style,
): void {
  const roots = tree === 'process' ? processTrees(namespaces) : namespaceTree(namespaces, tree);
  if (style.json) {
    const node = ({ value, children }: Branch<Row>): unknown => ({
      ...record(value, chosen, false),
      ...(children.length > 0 && { children: children.map(node) }),
    });
    json({ namespaces: roots.map(node) });
    return;
  }
  // The tree is drawn in the column that names what it is a tree of.
  const drawn = tree === 'process' ? 'COMMAND' : 'NS';
  const titles = chosen.includes(drawn) ? chosen : [drawn, ...chosen];
  const rows = [...treeLines(roots)].map(({ prefix, value }) =>
    titles.map((name) => {
      const cell = columns[name]!.cell(value);
      return name === drawn ? `${prefix}${cell ?? ''}` : cell;
    }),
  );
  print(titles, drawn === 'NS' ? padFirst(rows, titles.indexOf('NS')) : rows, style);
}

/** Numbers stand to the right, but branches of a tree to the left. */
function padFirst(rows: Cell[][], at: number): Cell[][] {
  const width = Math.max(0, ...rows.map((row) => [...String(row[at])].length));
  return rows.map((row) =>
    row.map((cell, i) => (i === at ? String(cell) + ' '.repeat(width - [...String(cell)].length) : cell)),
  );
}

/** The processes of one namespace, named as its link in /proc/PID/ns is; a line each, as lsns(8) has them. */
function showInside(
  machine: Machine,
  type: string,
  ns: number,
  style: Style,
  filter: Filter,
  output?: string,
): void {
  const namespace = machine.namespaces.get(ns);
  if (!namespace || namespace.type !== type)
    throw new Failure(`--show ${type}:[${ns}]: there is no such namespace`);
  const held = [...new Set(namespace.holders.map(holderWords))];
  if (namespace.processes.length === 0 && !style.json) {
    out(
      `${type}:[${ns}] has no process; it is held by ${printable(held.join(', ') || 'somebody who is not to be seen')}\n`,
    );
    return;
  }
  const chosen = chooseColumns(output ?? 'PID,PPID,USER,COMMAND', false);
  const rows = namespace.processes.map((process) => ({ namespace, process })).filter(filter);
  if (style.json)
    json({ type, ns, processes: rows.map((row) => record(row, chosen, false)), held: namespace.holders });
  else
    print(
      chosen,
      rows.map((row) => cells(row, chosen)),
      style,
    );
}

const ask = ({ euid }: Host): string =>
  euid === 0 ? 'root too needs CAP_SYS_PTRACE, and every capability that the process has' : 'ask as root';

/** Which namespaces are a process's own, and which it shares with the host: what people compare /proc/PID/ns for by hand. */
function showProcess(
  machine: Machine,
  pid: number,
  style: Style,
  wanted: (type: string) => boolean,
  filter: Filter,
): void {
  const process = processInfo(pid);
  if (!process) throw new Failure(`--show ${pid}: there is no such process`);
  const rows = files.filter(wanted).flatMap((type) => {
    let ns: number | undefined;
    try {
      ns = namespaceOf(pid, type);
    } catch {
      throw new Failure(
        `--show ${pid}: the process belongs to UID ${process.uid}, and its namespaces are not yours to see (ptrace(2), PTRACE_MODE_READ); ${ask(style.host)}`,
      );
    }
    const namespace = ns === undefined ? undefined : machine.namespaces.get(ns);
    return namespace && filter(rowOf(namespace))
      ? [{ type, namespace, host: isHosts(type, namespace.ns) }]
      : [];
  });
  const view = rows.map(({ type, namespace, host }) => ({
    type,
    ns: namespace.ns,
    whose: host === undefined ? 'unknown' : host ? 'host' : 'own',
    nprocs: namespace.processes.length,
    pns: namespace.parent ?? null,
    ons: namespace.owner ?? null,
    held: namespace.holders,
  }));
  if (style.json) {
    json({ pid, command: process.command, namespaces: view });
    return;
  }
  const titles = ['TYPE', 'NS', 'WHOSE', 'NPROCS', 'PNS', 'ONS', 'HELD'];
  const text = view.map((v) => [
    v.type,
    v.ns,
    v.whose,
    v.nprocs,
    v.pns,
    v.ons,
    v.held.map(holderWords).join(', '),
  ]);
  print(titles, text, style);
}

/**
 * The host's namespace of a kind: that of process 1, or, where we may not look at it, of
 * kthreadd, which never leaves the first namespaces; else the inodes that those have had
 * since Linux 3.8 (include/linux/proc_ns.h).
 */
function hostsNamespace(type: Namespace['type']): number | undefined {
  const references = processInfo(2)?.command === '[kthreadd]' ? [1, 2] : [1];
  for (const pid of references) {
    try {
      return namespaceOf(pid, type);
    } catch {
      // Not ours to see.
    }
  }
  return initial[type];
}

const initial: Readonly<Record<string, number>> = {
  ipc: 0xefffffff,
  uts: 0xeffffffe,
  user: 0xeffffffd,
  pid: 0xeffffffc,
  cgroup: 0xeffffffb,
  time: 0xeffffffa,
};

function isHosts(type: Namespace['type'], ns: number): boolean | undefined {
  const hosts = hostsNamespace(type);
  return hosts === undefined ? undefined : hosts === ns;
}
