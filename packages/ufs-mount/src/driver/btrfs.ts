import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { step, undo } from '@ctr-tools/plan';
import { MAGIC } from '@ctr-tools/sys/constants';
import { layerKinds, layersSteps } from '../layers-step.ts';
import { builtPath } from '../stack.ts';
import { below } from '../text.ts';
import type { Driver } from './driver.ts';
import { boundSteps, lackingUnion, topDirectory } from './vfs.ts';

/** Whether what a path is on, or will be on once it is made, is btrfs. */
function onBtrfs(path: string): boolean {
  let at = path;
  while (!existsSync(at)) at = dirname(at);
  return statfsSync(at).type === MAGIC.BTRFS;
}

export const btrfs: Driver = {
  name: 'btrfs',
  mounts: true,
  lacking: ({ store, stack, host, rootless }) =>
    lackingUnion(stack, host, rootless) ??
    (onBtrfs(store.path)
      ? undefined
      : `the store ${store.path} is not on btrfs; name one that is in CTR_STORE`),
  layers: (facts) => [
    step('state', 'mkdirs', { path: `${facts.store.path}/btrfs`, mode: 0o711 }, 'make the store', {
      side: 'host',
    }),
    ...layersSteps({
      store: facts.store,
      layers: facts.stack.layers,
      kind: layerKinds.btrfs,
      built: (layer) => builtPath(facts.store, 'btrfs', layer),
      squash: facts.squash,
      columns: facts.columns,
    }),
  ],
  make(facts, making) {
    const path = below(making.directory, '/tree');
    const gone = undo('failure', 'remove_subvolume', { path }, 'delete the snapshot');
    return [
      step(
        'state',
        'subvolume',
        { path, of: topDirectory(facts, 'btrfs') },
        'make a snapshot of the layers',
        {
          side: 'host',
          unless: ['EEXIST'],
          undo: making.passing ? { ...gone, when: 'end' } : gone,
        },
      ),
      ...boundSteps(facts, making),
    ];
  },
};
