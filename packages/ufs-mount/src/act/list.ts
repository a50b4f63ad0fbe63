/** `--list`: what is in the store. */

import { err, Failure, formatSize, type Host, kernelWords, out, renderTable } from '@ctr-tools/cli';
import { errorCode, lstat, namesIn } from '@ctr-tools/host';
import { type KnownRoot, knownRoots } from '../record.ts';
import { hexOfName, poolsOf, storeOf } from '../store.ts';
import { infoOf } from './show.ts';
import { mountPointsOf } from './unmount.ts';

/** What stands in a directory of the store, less what is half made, locks, and links to what stands elsewhere. */
function kept(directory: string): string[] {
  try {
    return namesIn(directory)
      .filter((name) => hexOfName(name) !== undefined && !lstat(`${directory}/${name}`).isSymbolicLink())
      .toSorted();
  } catch {
    return [];
  }
}

/** A name of the store is a digest without its algorithm, which its length tells. */
const digestOf = (name: string): string => {
  const hex = hexOfName(name)!;
  return `${hex.length > 64 ? 'sha512' : 'sha256'}:${hex}`;
};

/** Layers by themselves, those made upon others, and trees of drivers without a union. */
function layersOf(store: string) {
  const places = [
    ['overlay', `${store}/layers`],
    ['overlay', `${store}/chains`],
    ['vfs', `${store}/vfs`],
    ['btrfs', `${store}/btrfs`],
    ['aufs', `${store}/aufs`],
    ...poolsOf(store).map((pool) => ['devicemapper', pool] as const),
  ] as const;
  return places.flatMap(([driver, directory]) =>
    kept(directory).map((name) => ({ id: digestOf(name), driver, ...infoOf(`${directory}/${name}`) })),
  );
}

const isMounted = (root: KnownRoot): boolean => mountPointsOf(root).length > 0;

/** What cannot be read is not empty; what is not there is. Throws a `Failure`. */
function mustBeReadable(store: string): void {
  for (const directory of ['', '/layers', '/chains', '/roots'].map((name) => `${store}${name}`))
    try {
      namesIn(directory);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT')
        throw new Failure(`read the store ${directory}: ${kernelWords(error)}`);
    }
}

export function list(json: boolean, host: Host): number {
  const store = storeOf(host);
  mustBeReadable(store.path);
  const roots = knownRoots(store);
  const layers = layersOf(store.path);
  if (json) {
    const shown = roots.map((root) => ({
      id: root.id,
      target: root.target,
      mounted: isMounted(root),
      ...root.record,
    }));
    out(`${JSON.stringify({ store: store.path, roots: shown, layers })}\n`);
    return 0;
  }
  if (roots.length === 0 && layers.length === 0) {
    err(`nothing is in the store ${store.path}\n`);
    return 0;
  }
  const rows = roots.map((root) => [
    root.id,
    root.record.driver,
    isMounted(root) ? root.target : 'not mounted',
    root.record.sources.join(' '),
  ]);
  if (rows.length > 0)
    out(
      renderTable(
        [
          { title: 'ROOT' },
          { title: 'DRIVER' },
          { title: 'WHERE', shrink: true, least: 25 },
          { title: 'FROM', shrink: true },
        ],
        rows,
        host.tty[1] ? { width: host.columns } : {},
      ),
    );
  if (rows.length > 0 && layers.length > 0) out('\n');
  const right = 'right' as const;
  const columns = [{ title: 'LAYER' }, { title: 'DRIVER' }, { title: 'SIZE', align: right }];
  if (layers.length > 0)
    out(
      renderTable(
        [...columns, { title: 'ENTRIES', align: right }],
        layers.map(({ id, driver, bytes, entries }) => [
          id.slice(0, 19),
          driver,
          formatSize(bytes),
          String(entries),
        ]),
      ),
    );
  return 0;
}
