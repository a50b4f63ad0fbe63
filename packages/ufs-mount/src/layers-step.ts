import { Failure } from '@ctr-tools/cli';
import { type AnyStep, type Slot, slot, step } from '@ctr-tools/plan';
import { type layerKinds, layersStep } from './layers-request.ts';
import { chainPath, layerPath, type StackLayer } from './stack.ts';
import type { Store } from './store.ts';

/** Filled with the directory of the layer that says what the root directory itself is like. */
export const topSlot: Slot = slot('layers.top');

export interface LayersRequest {
  store: Store;
  layers: readonly StackLayer[];
  kind: (typeof layerKinds)[number];
  /** Where each layer goes with a driver that has no union: everything up to it. */
  built?: (layer: StackLayer) => string;
  /** Not root: everything belongs to us, devices are empty files. */
  squash: boolean;
  /** Width of the terminal on stderr, or 0. */
  columns: number;
}

const storeHints = {
  EACCES: 'the store belongs to somebody else; name another in CTR_STORE',
  EROFS: 'the store is on a read-only file system; name another in CTR_STORE',
  ENOSPC: 'the file system of the store is full; CTR_STORE says where it is',
};

/** The store's directories, and its lock: held by whoever mounts, so that nothing is collected meanwhile. */
export function storeSteps(store: Store): AnyStep[] {
  const side = 'host';
  const fd = slot('store.lock');
  return [
    ...['layers', 'chains', 'roots', 'tmp', 'mnt', 'empty'].map((name) =>
      step(
        'state',
        'mkdirs',
        { path: `${store.path}/${name}`, mode: 0o711 },
        `make the store ${store.path}`,
        {
          side,
          hints: storeHints,
        },
      ),
    ),
    step(
      'state',
      'open',
      { path: `${store.path}/lock`, flags: 0o102, mode: 0o600, fd },
      "open the store's lock",
      {
        side,
        hints: storeHints,
      },
    ),
    step('state', 'lock', { fd, sharing: 'shared' }, 'lock the store', { side }),
  ];
}

/**
 * Let go of the lock in the process that stays, once another has been started: that one has it until its
 * root is mounted. Else nothing could be collected as long as a command runs, or a container waits.
 */
export const unlockSteps = (): AnyStep[] =>
  (
    [
      ['network', 'host'],
      ['pivot', 'container'],
    ] as const
  ).map(([phase, side]) =>
    step(phase, 'close', { fd: slot('store.lock') }, 'let go of the lock of the store', { side }),
  );

/** Have the layers in the store, and know which says what the root is like. */
export function layersSteps(request: LayersRequest): AnyStep[] {
  const { store, layers, kind, built, squash, columns } = request;
  if (layers.length === 0) return [];
  if (layers.length > 500) throw new Failure(`a root of ${layers.length} layers; overlay takes 500 at most`);
  const targets = layers.map((layer) => built?.(layer) ?? layerPath(store, layer));
  const args = {
    kind,
    squash,
    columns,
    targets,
    chains: built ? [] : layers.map((layer) => chainPath(store, layer)),
    archives: layers.map(({ path }) => path),
    offsets: layers.map(({ offset }) => offset),
    sizes: layers.map(({ size }) => size),
    digests: layers.map(({ digest }) => digest),
    diffs: layers.map(({ diffId }) => diffId),
  };
  const doing = `apply ${layers.length === 1 ? 'a layer' : `${layers.length} layers`}`;
  return [layersStep('state', 'apply', args, doing, { hints: storeHints, reply: topSlot })];
}
