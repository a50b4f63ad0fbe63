/** An image's layers for a pipe, and in the lines that the screen is made of. Pure. */
import { type Column, formatShare, formatSize, printable, renderTable } from '@ctr-tools/cli';
import { bytesOf, isDirectory, type LayerSum, type Node, type Sums, shareOf, type Waste } from './model.ts';

/** What builders write around a command says nothing of it (`/bin/sh -c #(nop) `, buildkit's comment). */
export const commandText = (command: string): string =>
  printable(
    command
      .replace(/^\/bin\/sh -c (?:#\(nop\)\s*)?/, '')
      .replace(/\s+# buildkit$/, '')
      .replace(/\s+/g, ' ')
      .trim(),
  ) || '(the image does not say)';

const columns: readonly Column[] = [
  { title: '' },
  { title: '#', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'WASTE', align: 'right' },
  { title: '+', align: 'right', spare: 3 },
  { title: '~', align: 'right', spare: 2 },
  { title: '-', align: 'right', spare: 1 },
  { title: 'MADE BY', shrink: true, least: 12 },
];

/** A table of layers, the lowest first, with a sign before the chosen one. */
export function layerLines(
  layers: readonly LayerSum[],
  chosen: number | undefined,
  look: { width?: number; color: boolean },
): string[] {
  const cells = layers.map((layer, i) => [
    i === chosen ? '>' : ' ',
    String(i),
    formatSize(layer.bytes),
    layer.wasted > 0 ? formatSize(layer.wasted) : '',
    String(layer.added),
    String(layer.changed),
    String(layer.removed),
    commandText(layer.command),
  ]);
  const all = chosen === undefined ? columns.slice(1) : columns;
  return renderTable(all, chosen === undefined ? cells.map((row) => row.slice(1)) : cells, look)
    .trimEnd()
    .split('\n');
}

export const summary = (sums: Sums): string =>
  `${sums.layers.length} layer${sums.layers.length === 1 ? '' : 's'}, ${formatSize(sums.bytes)}; ${
    sums.wasted === 0
      ? 'no byte is hidden by a later layer'
      : `${formatSize(sums.wasted)} of it (${formatShare(shareOf(sums))}) is hidden by later layers`
  }`;

export const wasteLine = ({ path, layer, by, bytes }: Waste): string =>
  `${formatSize(bytes).padStart(9)}  ${`${layer} by ${by}`.padEnd(8)}  /${printable(path)}`;

const MOST = 20;

export function asText(sums: Sums, width: number | undefined, color: boolean): string {
  const shown = sums.waste.slice(0, MOST);
  const lines = [
    summary(sums),
    '',
    ...layerLines(sums.layers, undefined, { color, ...(width !== undefined && { width }) }),
    ...(shown.length === 0
      ? []
      : ['', `${'HIDDEN'.padStart(9)}  ${'IN'.padEnd(8)}  PATH`, ...shown.map(wasteLine)]),
    ...(sums.waste.length > MOST ? [`… ${sums.waste.length - MOST} smaller ones`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** A node of the tree that is shown, with how deep it lies. */
export interface Line {
  node: Node;
  path: string;
  depth: number;
}

export interface View {
  /** Paths of directories that are open. */
  open: ReadonlySet<string>;
  /** Marked ones alone, and the way to them. */
  changes: boolean;
  /** A part of a path, in small letters. */
  filter: string;
  by: 'name' | 'size';
}

/** Whether something of a tree is shown: itself or what lies below it. */
function shows(node: Node, path: string, view: View): boolean {
  const itself =
    (!view.changes || node.mark !== undefined) &&
    (view.filter === '' || path.toLowerCase().includes(view.filter));
  return itself || [...node.children.values()].some((child) => shows(child, `${path}/${child.name}`, view));
}

/** The lines of a tree, from its root's children on. With a filter all directories are open. */
export function linesOf(node: Node, view: View, path = '', depth = 0): Line[] {
  const sized =
    view.by === 'size' ? new Map([...node.children.values()].map((c) => [c, bytesOf(c)])) : undefined;
  const children = [...node.children.values()].toSorted(
    (a, b) => (sized ? sized.get(b)! - sized.get(a)! : 0) || (a.name < b.name ? -1 : 1),
  );
  return children.flatMap((child) => {
    const at = `${path}/${child.name}`;
    if ((view.changes || view.filter !== '') && !shows(child, at, view)) return [];
    const isOpen = view.filter !== '' || view.open.has(at);
    return [
      { node: child, path: at, depth },
      ...(isOpen && isDirectory(child) ? linesOf(child, view, at, depth + 1) : []),
    ];
  });
}

const signs = { A: '+', C: '~', D: '-' } as const;
const letters: Readonly<Record<string, string>> = {
  directory: 'd',
  file: '-',
  link: 'h',
  symlink: 'l',
  device: 'b',
  fifo: 'p',
};

/** `drwxr-xr-x`, as ls(1) writes it. */
export function modeText(node: Node): string {
  const { kind = 'directory', mode = 0o755 } = node.entry ?? {};
  const bits = [6, 3, 0]
    .map((shift) => [...'rwx'].map((letter, i) => ((mode >> shift) & (4 >> i) ? letter : '-')).join(''))
    .join('');
  return `${letters[kind]}${bits}`;
}

/** One line of the tree: what the layer did, mode, owner, size, name. */
export function treeLine({ node, depth }: Line, view: View, open: boolean): string {
  const { uid = 0, gid = 0, target } = node.entry ?? {};
  const folded =
    isDirectory(node) && node.children.size > 0 ? (open || view.filter !== '' ? '▾ ' : '▸ ') : '  ';
  const leads = target === undefined ? '' : ` → ${printable(target)}`;
  return `${node.mark ? signs[node.mark] : ' '} ${modeText(node)} ${`${uid}:${gid}`.padEnd(9)} ${formatSize(bytesOf(node)).padStart(8)}  ${'  '.repeat(depth)}${folded}${printable(node.name)}${leads}`;
}
