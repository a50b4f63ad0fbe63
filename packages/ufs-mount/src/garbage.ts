/** What nothing uses any more goes: renamed first, so that a layer is there whole or not there. */
import { existsSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { collectBlobs } from '@ctr-tools/oci/layout';
import { parseMountinfo } from '@ctr-tools/sys/proc';
import { imageChains } from './image-chains.ts';
import { knownRoots } from './record.ts';
import { hexOfName, poolsOf } from './store.ts';
import { imagesOf } from './stored-images.ts';

const read = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
};

const namesIn = (path: string): string[] => {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
};

/** Directories of the store that some process's mounts name: a container has them in a namespace of its own. */
function mountedText(): string {
  const seen = new Map<string, string>();
  for (const pid of namesIn('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const namespace = readlinkSync(`/proc/${pid}/ns/mnt`);
      if (!seen.has(namespace)) seen.set(namespace, read(`/proc/${pid}/mountinfo`));
    } catch {
      // It has ended.
    }
  }
  return [...seen.values()].join('\n');
}

/**
 * Roots that somebody who was killed never finished, whose container is no more, or whose changes were
 * to go with the mount, which is gone. Those that are mounted are still used.
 */
function orphans(store: string, mounts: string): string[] {
  const known = new Map(knownRoots({ path: store }).map((root) => [root.id, root]));
  const points = new Set(parseMountinfo(mounts).map(({ mountPoint }) => mountPoint));
  return namesIn(`${store}/roots`).filter((name) => {
    if (name.endsWith('.new') || mounts.includes(`${store}/roots/${name}/`)) return false;
    const root = known.get(name);
    if (root === undefined) return true;
    const { container, temp } = root.record;
    if (container !== undefined) return !existsSync(container.state);
    return temp === true && !points.has(root.target);
  });
}

/** Blobs of images that have been removed or pulled anew, and what an interrupted pull has left. */
function collectImages(store: string): void {
  const directory = imagesOf({ path: store });
  // Before the first image is whole there is no index.
  if (existsSync(`${directory}/index.json`)) collectBlobs(directory);
  else rmSync(directory, { recursive: true, force: true });
  // Only img-pull's files there begin with a dot, and it holds the store's lock as long as it needs them.
  for (const name of namesIn(`${directory}/blobs`))
    if (name.startsWith('.')) rmSync(`${directory}/blobs/${name}`, { force: true });
}

/** Called with the store's lock held; how much was removed, in words. */
export function collectGarbage(store: string): string {
  const mounts = mountedText();
  // Volumes and snapshots are the launcher's to delete (`thin_collect`), to whom the name says so.
  for (const name of orphans(store, mounts))
    renameSync(`${store}/roots/${name}`, `${store}/roots/${name}.new`);
  const roots = knownRoots({ path: store });
  const used = new Set(
    roots.flatMap(({ record }) => record.chains.map((id) => id.slice(id.indexOf(':') + 1))),
  );
  for (const id of imageChains(store)) used.add(id.slice(id.indexOf(':') + 1));
  collectImages(store);
  const isUsed = (name: string): boolean => used.has(hexOfName(name) ?? name);
  const usedLayers = new Set<string>();
  let removed = 0;
  const discard = (path: string): void => {
    const aside = `${store}/tmp/${basename(path)}.${process.pid}`;
    renameSync(path, aside);
    rmSync(aside, { recursive: true, force: true });
    // What somebody who died left half made was never a layer.
    if (!path.endsWith('.new')) removed++;
  };
  for (const name of namesIn(`${store}/chains`)) {
    if (/\.lock$/.test(name)) continue;
    const path = `${store}/chains/${name}`;
    let target: string | undefined;
    try {
      target = basename(readlinkSync(path));
    } catch {
      // A layer upon others has a directory of its own.
    }
    const inUse =
      isUsed(name) ||
      mounts.includes(path) ||
      (target !== undefined && mounts.includes(`${store}/layers/${target}`));
    if (inUse && target !== undefined) usedLayers.add(target);
    if (inUse) continue;
    if (target === undefined) discard(path);
    else rmSync(path);
  }
  for (const name of namesIn(`${store}/layers`)) {
    if (/\.lock$/.test(name) || usedLayers.has(name)) continue;
    discard(`${store}/layers/${name}`);
  }
  for (const driver of ['vfs', 'btrfs', 'aufs'])
    for (const name of namesIn(`${store}/${driver}`)) {
      if (/\.lock$/.test(name) || isUsed(name)) continue;
      discard(`${store}/${driver}/${name}`);
    }
  // Volumes are deleted so as well.
  for (const pool of poolsOf(store))
    for (const name of namesIn(pool)) {
      if (!/^[0-9a-f]+$/.test(name) || used.has(name)) continue;
      renameSync(`${pool}/${name}`, `${pool}/${name}.new`);
      removed++;
    }
  for (const name of namesIn(`${store}/tmp`))
    rmSync(`${store}/tmp/${name}`, { recursive: true, force: true });
  for (const directory of ['chains', 'layers', 'vfs', 'btrfs']
    .map((name) => `${store}/${name}`)
    .concat(poolsOf(store)))
    for (const name of namesIn(directory)) if (name.endsWith('.lock')) rmSync(`${directory}/${name}`);
  return `${removed} ${removed === 1 ? 'layer' : 'layers'} removed`;
}
