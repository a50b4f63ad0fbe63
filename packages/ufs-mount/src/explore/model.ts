/** What layers add, change and hide, and what of them nobody will ever see. Pure. */
import type { Entry } from './headers.ts';

/** A layer as it was read. */
export interface ReadLayer {
  digest: string;
  /** Bytes of the blob. */
  packed: number;
  /** The command that made it, where the image says one. */
  command: string;
  entries: readonly Entry[];
}

/** What a layer did to a path: added, changed, removed; absent: it was there and stays. */
export type Mark = 'A' | 'C' | 'D';

export interface Node {
  name: string;
  /** Absent for a directory that no layer has an entry for. */
  entry?: Entry;
  mark?: Mark;
  /** The number of the layer that its content comes from, the lowest 0. */
  layer: number;
  children: Map<string, Node>;
}

/** A file whose bytes are in the image and in no root of it. */
export interface Waste {
  path: string;
  /** Layers by their numbers: where it lies, and which hides it. */
  layer: number;
  by: number;
  bytes: number;
}

// image-spec layer.md, "Whiteouts" and "Opaque Whiteout".
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

const newNode = (name: string, layer: number, entry?: Entry): Node => ({
  name,
  layer,
  children: new Map(),
  ...(entry && { entry }),
});

export const isDirectory = (node: Node): boolean =>
  node.entry === undefined || node.entry.kind === 'directory';

/** The bytes of a tree of files that are there. */
export function bytesOf(node: Node): number {
  let bytes = node.mark === 'D' ? 0 : (node.entry?.size ?? 0);
  for (const child of node.children.values()) bytes += bytesOf(child);
  return bytes;
}

const partsOf = (path: string): string[] => (path === '' ? [] : path.split('/'));

/** The tree of an image as layer after layer is put on it. */
export class Tree {
  readonly root = newNode('', 0);
  readonly waste: Waste[] = [];
  /** Files that have another name in their layer, by layer and path: their bytes may be seen by that. */
  private readonly linked = new Set<string>();

  /** Put a layer on it; its marks stand until the next one is put on. */
  put({ entries }: ReadLayer, number: number): void {
    settle(this.root);
    // What a layer hides is what lies below it, wherever in the archive it says so.
    for (const { path } of entries) {
      const parts = partsOf(path);
      const name = parts.pop();
      if (!name?.startsWith(WHITEOUT)) continue;
      const parent = this.find(parts);
      if (!parent) continue;
      if (name === OPAQUE) for (const child of parent.children.values()) this.hide(child, parts, number);
      else {
        const child = parent.children.get(name.slice(WHITEOUT.length));
        if (child) this.hide(child, parts, number);
      }
    }
    for (const entry of entries) {
      const parts = partsOf(entry.path);
      const name = parts.at(-1);
      if (name?.startsWith(WHITEOUT)) continue;
      this.set(parts, entry, number);
      if (entry.kind === 'link' && entry.target !== undefined)
        this.linked.add(
          `${number}:${partsOf(entry.target)
            .filter((part) => part !== '' && part !== '.')
            .join('/')}`,
        );
    }
  }

  private find(parts: readonly string[]): Node | undefined {
    let node: Node | undefined = this.root;
    for (const part of parts) node = node?.children.get(part);
    return node;
  }

  /** Everything below it too: it is gone, and its bytes were for nothing. */
  private hide(node: Node, above: readonly string[], by: number): void {
    if (node.mark === 'D') return;
    node.mark = 'D';
    const parts = [...above, node.name];
    this.count(node, parts, by);
    for (const child of node.children.values()) this.hide(child, parts, by);
  }

  private set(parts: readonly string[], entry: Entry, number: number): void {
    let node = this.root;
    for (const [i, part] of parts.entries()) {
      const known = node.children.get(part);
      const last = i === parts.length - 1;
      if (!known) {
        const made = newNode(part, number, last ? entry : undefined);
        made.mark = 'A';
        node.children.set(part, made);
        node = made;
        continue;
      }
      if (last) replace(this, known, entry, number, parts);
      else if (known.mark === 'D') revive(known, number);
      node = known;
    }
    if (parts.length === 0) node.entry = entry;
  }

  /** An entry is put in its place: what it was is gone. */
  replaced(node: Node, parts: readonly string[], by: number): void {
    this.count(node, parts, by);
    for (const child of node.children.values()) this.hide(child, parts, by);
  }

  /** What a layer has twice, or hides of its own, is not counted: that is one layer's affair. */
  private count({ entry, layer }: Node, parts: readonly string[], by: number): void {
    const bytes = entry?.size ?? 0;
    const path = parts.join('/');
    if (bytes > 0 && layer < by && !this.linked.has(`${layer}:${path}`))
      this.waste.push({ path, layer, by, bytes });
  }
}

/** A directory that was hidden and of which the same layer has something again. */
function revive(node: Node, number: number): void {
  delete node.entry;
  node.mark = 'C';
  node.layer = number;
}

const sameFace = (a: Entry | undefined, b: Entry): boolean =>
  a !== undefined && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;

function replace(tree: Tree, node: Node, entry: Entry, number: number, parts: readonly string[]): void {
  const was = node.mark === 'D' ? undefined : node.entry;
  if (entry.kind === 'directory' && isDirectory(node) && node.mark !== 'D') {
    // A directory that is there stays, and may get another owner or mode (image-spec layer.md, "Applying Changesets").
    if (!sameFace(was, entry) && node.mark !== 'A') node.mark = 'C';
    node.entry = entry;
    if (node.mark !== undefined) node.layer = number;
    return;
  }
  const own = node.mark === 'A';
  if (node.mark !== 'D') tree.replaced(node, parts, number);
  node.mark = own ? 'A' : 'C';
  node.entry = entry;
  node.layer = number;
}

/** Take away what was removed, and all marks. */
function settle(node: Node): void {
  for (const [name, child] of node.children) {
    if (child.mark === 'D') {
      node.children.delete(name);
      continue;
    }
    delete child.mark;
    settle(child);
  }
}

/** The tree as it is with the layers up to this one, whose marks it has. */
export function treeAt(layers: readonly ReadLayer[], number: number): Node {
  const tree = new Tree();
  for (const [i, layer] of layers.slice(0, number + 1).entries()) tree.put(layer, i);
  return tree.root;
}

export interface LayerSum {
  digest: string;
  command: string;
  packed: number;
  /** Bytes of its files, and how many of these later layers hide. */
  bytes: number;
  wasted: number;
  added: number;
  changed: number;
  removed: number;
}

export interface Sums {
  layers: LayerSum[];
  bytes: number;
  wasted: number;
  /** The largest first. */
  waste: Waste[];
}

function countMarks(node: Node, counts: Record<Mark, number>): void {
  for (const child of node.children.values()) {
    if (child.mark) counts[child.mark]++;
    // What goes with its directory is one thing that is removed.
    if (child.mark !== 'D') countMarks(child, counts);
  }
}

export function sumsOf(layers: readonly ReadLayer[]): Sums {
  const tree = new Tree();
  const sums = layers.map((layer, i): LayerSum => {
    tree.put(layer, i);
    const counts: Record<Mark, number> = { A: 0, C: 0, D: 0 };
    countMarks(tree.root, counts);
    const { digest, command, packed, entries } = layer;
    const bytes = entries.reduce((sum, { size }) => sum + size, 0);
    return {
      digest,
      command,
      packed,
      bytes,
      wasted: 0,
      added: counts.A,
      changed: counts.C,
      removed: counts.D,
    };
  });
  for (const { layer, bytes } of tree.waste) sums[layer]!.wasted += bytes;
  const total = (of: readonly { bytes: number }[]): number => of.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    layers: sums,
    bytes: total(sums),
    wasted: total(tree.waste),
    waste: tree.waste.toSorted((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1)),
  };
}

export const shareOf = ({ wasted, bytes }: Pick<Sums, 'wasted' | 'bytes'>): number =>
  bytes === 0 ? 0 : wasted / bytes;
