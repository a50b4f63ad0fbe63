/** Aligned tables and trees for stdout. Widths count characters; colour counts for nothing. */
import { paint } from './style.ts';

export interface Column {
  title: string;
  /** Numbers stand to the right. */
  align?: 'left' | 'right';
  /** On a terminal this column gives way first when a line is too long. */
  shrink?: boolean;
  /** But not below so many letters, if it has as many; 8 if absent. */
  least?: number;
  /** On a terminal that has no room for what others need at least, this column is left out; 1 goes first. */
  spare?: number;
}

export interface TableOptions {
  /** Width of the terminal; without it (a pipe, a file) nothing is ever cut. */
  width?: number;
  color?: boolean;
  /** Leave the titles out. */
  bare?: boolean;
}

const sgr = /\x1b\[[\d;]*m/g;
/** How many columns a text takes on a terminal. */
export const visibleWidth = (text: string): number => [...text.replace(sgr, '')].length;

/** File and process names may hold control characters, which must not reach a terminal. */
export const printable = (text: string): string =>
  text.replace(/[\0-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

/** Shorten a plain text to `width`, ending in an ellipsis. */
export function truncate(text: string, width: number): string {
  const letters = [...text];
  if (letters.length <= width) return text;
  return width <= 0 ? '' : `${letters.slice(0, width - 1).join('')}…`;
}

/** Rows under titles, columns two spaces apart, no spaces at the ends of lines. */
export function renderTable(
  all: readonly Column[],
  allRows: readonly (readonly string[])[],
  { width, color = false, bare = false }: TableOptions = {},
): string {
  const style = paint(color);
  const whole = all.map((column, i) =>
    Math.max(bare ? 0 : column.title.length, ...allRows.map((row) => visibleWidth(row[i] ?? ''))),
  );
  const shown = width === undefined ? all.map((_, i) => i) : withRoom(all, whole, width);
  const pick = <T>(of: readonly T[]): T[] => shown.map((i) => of[i]!);
  const [columns, widths, rows] = [pick(all), pick(whole), allRows.map(pick)];
  if (width !== undefined) shrink(columns, widths, width);
  const line = (cells: readonly string[], dress: (text: string) => string): string => {
    const parts = columns.map((column, i) => {
      const cell = cells[i] ?? '';
      const fits = visibleWidth(cell) <= widths[i]!;
      const text = fits ? cell : truncate(cell.replace(sgr, ''), widths[i]!);
      const space = ' '.repeat(widths[i]! - visibleWidth(text));
      return column.align === 'right' ? space + dress(text) : dress(text) + space;
    });
    return `${parts.join('  ').trimEnd()}\n`;
  };
  const head = bare
    ? ''
    : line(
        columns.map((column) => column.title),
        style.bold,
      );
  return head + rows.map((row) => line(row, (text) => text)).join('');
}

const leastOf = ({ shrink, least = 8 }: Column, width: number): number =>
  shrink ? Math.min(width, least) : width;

/** Which columns have room once all that may shrink have. */
function withRoom(columns: readonly Column[], widths: readonly number[], width: number): number[] {
  let shown = columns.map((_, i) => i);
  const needed = (): number =>
    shown.reduce((sum, i) => sum + leastOf(columns[i]!, widths[i]!), 2 * (shown.length - 1));
  const spare = shown
    .filter((i) => columns[i]!.spare !== undefined)
    .sort((a, b) => columns[a]!.spare! - columns[b]!.spare!);
  for (const gone of spare) if (needed() > width) shown = shown.filter((i) => i !== gone);
  return shown;
}

/** Take the excess from the columns that may shrink, the widest first; from the last one if none may. */
function shrink(columns: readonly Column[], widths: number[], width: number): void {
  const total = (): number => widths.reduce((sum, w) => sum + w, 0) + 2 * (columns.length - 1);
  const may = columns.flatMap((column, i) => (column.shrink ? [i] : []));
  if (may.length === 0) may.push(columns.length - 1);
  for (let excess = total() - width; excess > 0; excess--) {
    const over = (i: number): number => widths[i]! - (columns[i]!.least ?? 8);
    const widest = may
      .filter((i) => over(i) > 0)
      .reduce<number | undefined>((a, b) => (a === undefined || widths[b]! > widths[a]! ? b : a), undefined);
    if (widest === undefined) return;
    widths[widest]!--;
  }
}

export interface Branch<T> {
  value: T;
  children: readonly Branch<T>[];
}

/** The lines of a tree in order, each with what is drawn before it. */
export function* treeLines<T>(
  roots: readonly Branch<T>[],
  before = '',
  top = true,
): Generator<{ prefix: string; value: T }> {
  for (const [i, { value, children }] of roots.entries()) {
    const last = i === roots.length - 1;
    yield { prefix: top ? '' : `${before}${last ? '└─' : '├─'}`, value };
    yield* treeLines(children, top ? '' : `${before}${last ? '  ' : '│ '}`, false);
  }
}
