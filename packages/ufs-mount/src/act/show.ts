/** `--show`, `--list`: what is in the store. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { formatSize, type Host, out, renderTable } from '@ctr-tools/cli';
import { type KnownRoot, knownRoots } from '../record.ts';
import { type Store, storeOf } from '../store.ts';
import { findRoot, mountPointsOf } from './unmount.ts';

export interface ShownLayer {
  id: string;
  directory: string;
  bytes: number;
  entries: number;
}

/** Size and entries of a layer, as it was applied. */
function infoOf(directory: string): { bytes: number; entries: number } {
  try {
    const [bytes, entries] = readFileSync(`${directory}/info`, 'latin1').split(' ').map(Number);
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
  const top = record.readOnly ? [] : [[`changes in ${changes}`, '', '']];
  const columns = [
    { title: 'LAYER' },
    { title: 'SIZE', align: 'right' as const },
    { title: 'ENTRIES', align: 'right' as const },
  ];
  out(renderTable(columns, [...top, ...rows]));
  return 0;
}

export function list(json: boolean, host: Host): number {
  const store = storeOf(host);
  const roots = knownRoots(store);
  const layers = names(`${store.path}/layers`).map((name) => ({
    id: `sha256:${name}`,
    ...infoOf(`${store.path}/layers/${name}`),
  }));
  if (json) {
    const shown = roots.map((root) => ({
      id: root.id,
      target: root.target,
      mounted: mountPointsOf(root).length > 0,
      ...root.record,
    }));
    out(`${JSON.stringify({ store: store.path, roots: shown, layers })}\n`);
    return 0;
  }
  const rows = roots.map((root) => [
    'root',
    root.id,
    mountPointsOf(root).length > 0 ? root.target : 'not mounted',
    root.record.sources.join(' '),
  ]);
  const kept = layers.map(({ id, bytes, entries }) => ['layer', id, formatSize(bytes), `${entries} entries`]);
  out(
    renderTable(
      [{ title: 'WHAT' }, { title: 'ID' }, { title: 'WHERE, SIZE' }, { title: 'FROM' }],
      [...rows, ...kept],
    ),
  );
  return 0;
}

/** Names in a directory of the store, less those that are half made and locks. */
export function names(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => /^[0-9a-f]+$/.test(name));
  } catch {
    return [];
  }
}
