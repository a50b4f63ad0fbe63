/** `--show`: what a root is made of. */

import { formatSize, type Host, out, renderTable } from '@ctr-tools/cli';
import { dirname, readText } from '@ctr-tools/host';
import type { KnownRoot } from '../record.ts';
import { type Store, storeOf } from '../store.ts';
import { findRoot, mountPointsOf } from './unmount.ts';

export interface ShownLayer {
  id: string;
  directory: string;
  bytes: number;
  entries: number;
}

/** Size and entries of a layer, as it was applied. */
export function infoOf(directory: string): { bytes: number; entries: number } {
  try {
    const [bytes, entries] = readText(`${directory}/info`).split(' ').map(Number);
    return { bytes: bytes ?? 0, entries: entries ?? 0 };
  } catch {
    return { bytes: 0, entries: 0 };
  }
}

/** Layers of a root, topmost first. */
export function layersOf({ record }: KnownRoot, store: Store): ShownLayer[] {
  const ids = record.ids.toReversed();
  let next = 0;
  return record.lower.map((tree) => {
    // In the store each layer has a directory of its own, with what is known of it beside its tree.
    const own = tree.startsWith(`${store.path}/`);
    const directory = own ? dirname(tree) : tree;
    return {
      id: own ? ids[next++]! : tree,
      directory: tree,
      ...(own ? infoOf(directory) : { bytes: 0, entries: 0 }),
    };
  });
}

export function show(given: string, json: boolean, host: Host): number {
  const root = findRoot(given, host);
  const { record, target, changes } = root;
  const layers = layersOf(root, storeOf(host));
  const mounted = mountPointsOf(root).length > 0;
  if (json) {
    out(`${JSON.stringify({ id: root.id, target, driver: record.driver, mounted, changes, layers })}\n`);
    return 0;
  }
  out(`${target}\n${record.driver}${mounted ? '' : ', not mounted'}; from ${record.sources.join(' ')}\n`);
  const rows = layers.map(({ id, bytes, entries }) => [id, formatSize(bytes), String(entries)]);
  if (!record.readOnly) out(`changes in ${changes}\n`);
  const columns = [
    { title: 'LAYER', shrink: true, least: 19 },
    { title: 'SIZE', align: 'right' as const },
    { title: 'ENTRIES', align: 'right' as const },
  ];
  out(renderTable(columns, rows, host.tty[1] ? { width: host.columns } : {}));
  return 0;
}
