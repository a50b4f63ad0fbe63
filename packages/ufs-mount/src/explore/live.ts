/** The screen: layers above, the tree of the chosen one below, and what keys do. On Node alone, by `draw` of packages/cli. */
import { paint, printable, type Style, truncate } from '@ctr-tools/cli';
import { isDirectory, type Mark, type Node, type ReadLayer, type Sums, treeAt } from './model.ts';
import { type Line, layerLines, linesOf, summary, treeLine, type View, wasteLine } from './text.ts';

const help = 'Tab: side, arrows, Enter opens, c changes, s size, / filter, w waste, q quits';

const dress = (style: Style, mark: Mark | undefined): ((text: string) => string) =>
  mark === 'A' ? style.good : mark === 'C' ? style.warn : mark === 'D' ? style.bad : (text) => text;

interface Shown extends View {
  open: Set<string>;
}

export class Explorer {
  private chosen: number;
  private side: 'layers' | 'tree' = 'layers';
  private readonly view: Shown = { open: new Set(), changes: false, filter: '', by: 'name' };
  private tree: Node;
  private at = 0;
  private from = 0;
  private typing = false;
  private waste: { from: number } | undefined;
  private height = 24;
  private lines: Line[] = [];

  private readonly layers: readonly ReadLayer[];
  private readonly sums: Sums;
  private readonly color: boolean;

  constructor(layers: readonly ReadLayer[], sums: Sums, color: boolean) {
    this.layers = layers;
    this.sums = sums;
    this.color = color;
    // The topmost, with which the tree is the image's whole.
    this.chosen = layers.length - 1;
    this.tree = treeAt(layers, this.chosen);
    this.relist();
  }

  private relist(): void {
    this.lines = linesOf(this.tree, this.view);
    this.at = Math.max(0, Math.min(this.at, this.lines.length - 1));
  }

  private layerRoom(): number {
    return Math.max(1, Math.min(this.layers.length, Math.floor(this.height / 3)));
  }
  /** Lines for the tree: two lines of words, the layers under their titles, a line between, the cursor's row. */
  private treeRoom(): number {
    return Math.max(1, this.height - this.layerRoom() - 6);
  }

  frame(width: number, height: number): string {
    this.height = height;
    if (this.waste) return this.wastePage(width);
    const room = this.treeRoom();
    const style = paint(this.color);
    const rows = this.layerRoom();
    const first = Math.max(0, Math.min(this.chosen - Math.floor(rows / 2), this.layers.length - rows));
    const [titles, ...layers] = layerLines(this.sums.layers, this.chosen, { width, color: false });
    this.from = Math.max(0, Math.min(Math.max(this.from, this.at - room + 1), this.at));
    const tree = this.lines.slice(this.from, this.from + room).map((line, i) => {
      const { node, path } = line;
      const here = this.side === 'tree' && this.from + i === this.at;
      const text = `${here ? '> ' : '  '}${treeLine(line, this.view, this.view.open.has(path))}`;
      const dressed = dress(style, node.mark)(truncate(text, width));
      return here ? style.bold(dressed) : dressed;
    });
    return `${[
      truncate(summary(this.sums), width),
      truncate(help, width),
      style.heading(titles!.padEnd(Math.min(width, titles!.length))),
      ...layers
        .slice(first, first + rows)
        .map((line, i) => (first + i === this.chosen && this.side === 'layers' ? style.bold(line) : line)),
      truncate(this.words(), width),
      ...(tree.length > 0 ? tree : ['  nothing to show']),
    ].join('\n')}\n`;
  }

  /** What stands between layers and tree. */
  private words(): string {
    const place = this.lines[this.at];
    const of = this.side === 'tree' && place ? ` > ${printable(place.path.slice(1))}` : '';
    const how = [
      ...(this.view.changes ? ['changes alone'] : []),
      ...(this.view.by === 'size' ? ['by size'] : []),
      ...(this.typing || this.view.filter ? [`/${this.view.filter}${this.typing ? '_' : ''}`] : []),
    ];
    return `── layer ${this.chosen}${how.length > 0 ? `, ${how.join(', ')}` : ''}${of} ──`;
  }

  private wastePage(width: number): string {
    const room = Math.max(1, this.height - 4);
    const { waste } = this.sums;
    const from = this.waste!.from;
    const head = `hidden files ${from + 1} to ${Math.min(waste.length, from + room)} of ${waste.length}; arrows move, Escape goes back`;
    return `${[
      head,
      `${'BYTES'.padStart(9)}  ${'IN'.padEnd(8)}  PATH`,
      ...waste.slice(from, from + room).map(wasteLine),
    ]
      .map((line) => truncate(line, width))
      .join('\n')}\n`;
  }

  /** What a key does; whether it means something here. */
  key(key: string): boolean {
    if (this.typing) return this.type(key);
    if (this.waste) return this.turn(key);
    if (key === '\t') {
      this.side = this.side === 'layers' ? 'tree' : 'layers';
      return true;
    }
    if (key === 'w' && this.sums.waste.length > 0) this.waste = { from: 0 };
    else if (key === 'c') this.view.changes = !this.view.changes;
    else if (key === 's') this.view.by = this.view.by === 'name' ? 'size' : 'name';
    else if (key === '/') this.typing = true;
    else if (key === 'escape' && this.view.filter !== '') this.view.filter = '';
    else return this.side === 'layers' ? this.walkLayers(key) : this.walkTree(key);
    this.relist();
    return true;
  }

  private type(key: string): boolean {
    if (key === 'enter') {
      this.typing = false;
      this.side = 'tree';
    } else if (key === 'escape') {
      this.typing = false;
      this.view.filter = '';
    } else if (key === 'backspace') this.view.filter = [...this.view.filter].slice(0, -1).join('');
    else if ([...key].length === 1 && key >= ' ') this.view.filter += key.toLowerCase();
    this.relist();
    return true;
  }

  private turn(key: string): boolean {
    const room = Math.max(1, this.height - 4);
    const most = Math.max(0, this.sums.waste.length - room);
    const from = moved(this.waste!.from, key, room, most);
    if (from !== undefined) this.waste = { from };
    else if (['escape', 'left', 'backspace', 'enter', 'w'].includes(key)) this.waste = undefined;
    else return false;
    return true;
  }

  private walkLayers(key: string): boolean {
    if (key === 'enter' || key === 'right') {
      this.side = 'tree';
      return true;
    }
    const to = moved(this.chosen, key, this.layerRoom(), this.layers.length - 1);
    if (to === undefined) return false;
    this.chosen = to;
    this.tree = treeAt(this.layers, to);
    this.relist();
    return true;
  }

  private walkTree(key: string): boolean {
    const to = moved(this.at, key, this.treeRoom(), this.lines.length - 1);
    if (to !== undefined) {
      this.at = to;
      return true;
    }
    const line = this.lines[this.at];
    if (!line) return false;
    const { open } = this.view;
    if (key === 'enter' && open.has(line.path)) open.delete(line.path);
    else if ((key === 'enter' || key === 'right') && isDirectory(line.node)) open.add(line.path);
    else if (key === 'left' && open.has(line.path)) open.delete(line.path);
    else if (key === 'left') {
      // To the directory that it lies in; from the uppermost back to the layers.
      const above = line.path.slice(0, line.path.lastIndexOf('/'));
      const at = this.lines.findIndex(({ path }) => path === above);
      if (at >= 0) this.at = at;
      else this.side = 'layers';
    } else return false;
    this.relist();
    return true;
  }
}

/** Where a key leads in a list, or undefined for one that leads nowhere. */
function moved(at: number, key: string, page: number, last: number): number | undefined {
  const to: Readonly<Record<string, number>> = {
    up: at - 1,
    down: at + 1,
    'page up': at - page,
    'page down': at + page,
    home: 0,
    end: last,
  };
  return key in to ? Math.max(0, Math.min(last, to[key]!)) : undefined;
}
