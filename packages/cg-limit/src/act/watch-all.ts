/** `--watch` without a target: all groups in which something runs, as a tree or as a list by what they use. */
import { formatShare, type Host, printable, renderTable, treeLines, wantsColor } from '@ctr-tools/cli';
import { draw } from '@ctr-tools/cli/screen';
import { spell } from './table.ts';
import { columns, type LiveGroup, liveTree, type SortKey, sortKeys } from './tree.ts';

/** One group at a moment. */
interface Row {
  /** Its branch of the tree and its name. */
  label: string;
  group: string;
  processes: number;
  memory?: number;
  memoryLimit?: number | string;
  /** CPUs that it used since the last time. */
  cpu?: number;
  cpuLimit?: number | string;
}

/** The tree by name, and a list by anything else: the largest first, of the same as in the tree. */
export function sorted(rows: readonly Row[], by: SortKey): readonly Row[] {
  if (by === 'name') return rows;
  return rows.map((row) => ({ ...row, label: row.group })).toSorted((a, b) => (b[by] ?? 0) - (a[by] ?? 0));
}

/** CPU time of a group, and when it was read. */
interface Used {
  seconds: number;
  at: number;
}

const keys: Readonly<Record<string, SortKey>> = Object.fromEntries(sortKeys.map((key) => [key[0]!, key]));

export function watchAll(host: Host, json: boolean, sort: SortKey | undefined): Promise<number> {
  let by: SortKey = sort ?? 'name';
  let used = new Map<string, Used>();
  const rows = (): Row[] => {
    const last = used;
    used = new Map();
    return [...treeLines([liveTree()])].map(({ prefix, value }) => rowOf(prefix, value, last, used));
  };
  rows();
  return draw({
    host,
    json,
    frame(_seconds, width) {
      const now = sorted(rows(), by);
      if (json) {
        const groups = now.map(({ label: _, ...row }) => row);
        return `${JSON.stringify({ time: new Date().toISOString(), groups })}\n`;
      }
      const table = renderTable(columns, now.map(cells), {
        color: wantsColor(host, 1),
        ...(width !== undefined && { width }),
      });
      const help = width === undefined ? '' : '; m, c, p, n sort, q quits';
      return `${now.length} group${now.length === 1 ? '' : 's'} by ${by}${help}\n${table}`;
    },
    key(letter) {
      const chosen = keys[letter];
      if (chosen === undefined) return false;
      by = chosen;
      return true;
    },
  });
}

function rowOf(
  prefix: string,
  { target, report, at }: LiveGroup,
  last: ReadonlyMap<string, Used>,
  used: Map<string, Used>,
): Row {
  const line = (name: string) => report.lines.find((l) => l.name === name);
  const [memory, cpu] = [line('memory'), line('cpu')];
  if (cpu?.use !== undefined) used.set(target.name, { seconds: cpu.use, at });
  const before = last.get(target.name);
  const name = target.name === '/' ? '/' : target.name.slice(target.name.lastIndexOf('/') + 1);
  return {
    label: `${prefix}${name}`,
    group: target.name,
    processes: report.processes,
    ...(memory?.use !== undefined && { memory: memory.use }),
    ...(memory?.limit !== undefined && { memoryLimit: memory.limit }),
    ...(cpu?.use !== undefined &&
      before !== undefined &&
      at > before.at && { cpu: (Math.max(0, cpu.use - before.seconds) * 1000) / (at - before.at) }),
    ...(cpu?.limit !== undefined && { cpuLimit: cpu.limit }),
  };
}

const cells = (row: Row): string[] => [
  printable(row.label),
  String(row.processes),
  spell('bytes', row.memory, false),
  spell('bytes', row.memoryLimit, true),
  row.cpu === undefined ? '' : formatShare(row.cpu),
  spell('cpus', row.cpuLimit, true),
];
