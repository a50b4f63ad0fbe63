import { dirname, exists, statFs } from '@ctr-tools/host';
import { type AnyStep, step, type Text } from '@ctr-tools/plan';
import { MAGIC } from '@ctr-tools/sys/constants';
import { layersStep, layersUndo } from '../layers-request.ts';
import { layersSteps } from '../layers-step.ts';
import type { RootFacts } from '../root-facts.ts';
import { builtPath } from '../stack.ts';
import { below } from '../text.ts';
import { boundSteps, builtTrees, detachedTree, lackingUnion, topDirectory } from './built.ts';
import type { Driver } from './driver.ts';

/** Whether what a path is on, or will be on once it is made, is btrfs. */
function onBtrfs(path: string): boolean {
  let at = path;
  while (!exists(at)) at = dirname(at);
  return statFs(at).type === MAGIC.BTRFS;
}

const side = 'host';

/** The root's own snapshot; one that was kept is used again. */
function snapshotSteps(facts: RootFacts, directory: Text): AnyStep[] {
  const path = below(directory, '/tree');
  return [
    step('state', 'mkdirs', { path: directory, mode: 0o711 }, 'make a place for the snapshot', { side }),
    layersStep(
      'state',
      'subvolume',
      { path, of: topDirectory(facts, 'btrfs') },
      'make a snapshot of the layers',
      {
        unless: ['EEXIST'],
        hints: {
          EXDEV: 'a snapshot lies on the same file system as the store; choose another --upper',
          ENOTTY: 'a snapshot lies on the same file system as the store; choose another --upper',
        },
        undo: layersUndo('failure', 'remove_subvolume', { path }, 'delete the snapshot'),
      },
    ),
  ];
}

export const btrfs: Driver = {
  name: 'btrfs',
  lacking: ({ store, stack, host, rootless, inside }) =>
    lackingUnion(stack, host, rootless || inside) ??
    (onBtrfs(store.path)
      ? undefined
      : `the store ${store.path} is not on btrfs; name one that is in CTR_STORE`),
  trees: (facts) => builtTrees(facts, 'btrfs'),
  layers: (facts) => [
    step('state', 'mkdirs', { path: `${facts.store.path}/btrfs`, mode: 0o711 }, 'make the store', { side }),
    ...layersSteps({
      store: facts.store,
      layers: facts.stack.layers,
      kind: 'btrfs',
      built: (layer) => builtPath(facts.store, 'btrfs', layer),
      squash: facts.squash,
      columns: facts.columns,
    }),
  ],
  make: (facts, making) => [...snapshotSteps(facts, making.directory), ...boundSteps(facts, making)],
  detach: (facts, { directory, mount }) => [
    ...snapshotSteps(facts, directory),
    ...detachedTree(directory, mount),
  ],
};
