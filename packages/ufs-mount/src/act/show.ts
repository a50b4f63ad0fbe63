/** `--show`, `--which`, `--list`: what is in the store, and which layer a path comes from. */
import { lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { Failure, formatSize, type Host, out, renderTable } from '@ctr-tools/cli';
import { type KnownRoot, knownRoots } from '../record.ts';
import { storeOf } from '../store.ts';
import { findRoot, mountPointsOf } from './unmount.ts';

interface ShownLayer {
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
function layersOf({ record }: KnownRoot): ShownLayer[] {
  const ids = record.ids.toReversed();
  let next = 0;
  return record.lower.map((tree) => {
    const own = tree.includes('/chains/');
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
  const layers = layersOf(root);
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

const isWhiteout = (path: string): boolean => {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isCharacterDevice() === true && found.rdev === 0;
};

/** The topmost layer that has a path is where it comes from: one that is hidden is not there to be asked for. */
export function which(given: string, json: boolean, host: Host): number {
  const path = resolve(host.cwd, given);
  const real = `${realpathSync(dirname(path))}/${basename(path)}`;
  const root = knownRoots(storeOf(host)).find(({ target }) => real.startsWith(`${target}/`));
  if (!root) throw new Failure(`${given} is in no root of the store; ufs-mount --list shows what is`);
  if (!lstatSync(real, { throwIfNoEntry: false })) throw new Failure(`there is no ${given}`);
  const rest = real.slice(root.target.length + 1);
  const upper = { id: 'changes', directory: `${root.changes}/upper` };
  const layers = [upper, ...layersOf(root)];
  const found = layers.find(({ directory }) => {
    const at = `${directory}/${rest}`;
    return lstatSync(at, { throwIfNoEntry: false }) !== undefined && !isWhiteout(at);
  });
  const { id, directory } = found ?? upper;
  out(json ? `${JSON.stringify({ path: `/${rest}`, layer: id, directory })}\n` : `${id}\n`);
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
