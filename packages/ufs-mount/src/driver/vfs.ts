import { existsSync } from 'node:fs';
import { type AnyStep, step, undo } from '@ctr-tools/plan';
import { MNT, MS } from '@ctr-tools/sys/constants';
import { layerKinds, layersSteps } from '../layers-step.ts';
import type { RootFacts } from '../root-facts.ts';
import { builtPath, type Stack } from '../stack.ts';
import { below } from '../text.ts';
import type { Driver, Making } from './driver.ts';

/** What drivers without a union ask of a root. */
export function lackingUnion(stack: Stack, host: boolean, rootless: boolean): string | undefined {
  if (host) return "the machine's own root is made by the driver overlay only";
  if (rootless) return 'without root only the driver overlay is supported';
  if (stack.parts.some((part) => 'directory' in part))
    return 'it takes images and archives of layers, not directories';
  return undefined;
}

/** The directory of everything up to the topmost layer. */
export const topDirectory = (facts: RootFacts, driver: string): string =>
  `${builtPath(facts.store, driver, facts.stack.layers.at(-1)!)}/tree`;

/** The tree stands in the root's directory; where it is to be seen elsewhere, it is bound there. */
export function boundSteps(facts: RootFacts, { directory, target }: Making): AnyStep[] {
  const source = below(directory, '/tree');
  const args = {
    root: -1,
    target,
    source,
    fd: -1,
    recursive: 0,
    set: facts.request.readOnly ? 1 : 0,
    clear: 0,
    propagation: MS.PRIVATE,
    userns: -1,
    make: 0,
  };
  return [
    step('state', 'bind', args, 'show the root at its place', {
      side: 'host',
      undo: undo('failure', 'umount', { path: target, flags: MNT.DETACH }, 'unmount the root'),
    }),
  ];
}

export const vfs: Driver = {
  name: 'vfs',
  mounts: true,
  lacking: ({ stack, host, rootless }) => lackingUnion(stack, host, rootless),
  layers: (facts) => [
    step('state', 'mkdirs', { path: `${facts.store.path}/vfs`, mode: 0o711 }, 'make the store', {
      side: 'host',
    }),
    ...layersSteps({
      store: facts.store,
      layers: facts.stack.layers,
      kind: layerKinds.copy,
      built: (layer) => builtPath(facts.store, 'vfs', layer),
      squash: facts.squash,
      columns: facts.columns,
    }),
  ],
  make(facts, making) {
    const tree = below(making.directory, '/tree');
    const half = below(making.directory, '/tree.new');
    const side = 'host';
    // Changes that were kept are used again.
    const there = typeof tree === 'string' && existsSync(tree);
    const copying = [
      step('state', 'remove_tree', { path: half }, 'remove what was left of a copy', { side }),
      step('state', 'mkdir', { path: half, mode: 0o755 }, 'make the directory of the root', { side }),
      step('state', 'copy_tree', { from: topDirectory(facts, 'vfs'), to: half }, 'copy the layers', { side }),
      step('state', 'rename', { from: half, to: tree }, 'put the copy into place', { side }),
    ];
    return [...(there ? [] : copying), ...boundSteps(facts, making)];
  },
};
