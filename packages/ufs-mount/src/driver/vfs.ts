import { exists } from '@ctr-tools/host';
import { type AnyStep, step, type Text } from '@ctr-tools/plan';
import { layersStep } from '../layers-request.ts';
import { layersSteps } from '../layers-step.ts';
import type { RootFacts } from '../root-facts.ts';
import { builtPath } from '../stack.ts';
import { below } from '../text.ts';
import { boundSteps, builtTrees, detachedTree, lackingUnion, topDirectory } from './built.ts';
import type { Driver } from './driver.ts';

/** The root's own copy, there whole or not there; one that was kept is used again. */
function copySteps(facts: RootFacts, directory: Text): AnyStep[] {
  const tree = below(directory, '/tree');
  const half = below(directory, '/tree.new');
  const side = 'host';
  if (typeof tree === 'string' && exists(tree)) return [];
  return [
    step('state', 'mkdirs', { path: directory, mode: 0o711 }, 'make a place for the copy', { side }),
    step('state', 'remove', { path: half, what: 'tree' }, 'remove what was left of a copy', { side }),
    step('state', 'mkdir', { path: half, mode: 0o755 }, 'make the directory of the root', { side }),
    layersStep('state', 'copy', { from: topDirectory(facts, 'vfs'), to: half }, 'copy the layers'),
    step('state', 'rename', { from: half, to: tree }, 'put the copy into place', { side }),
  ];
}

export const vfs: Driver = {
  name: 'vfs',
  lacking: ({ stack, host, rootless }) => lackingUnion(stack, host, rootless),
  trees: (facts) => builtTrees(facts, 'vfs'),
  layers: (facts) => [
    step('state', 'mkdirs', { path: `${facts.store.path}/vfs`, mode: 0o711 }, 'make the store', {
      side: 'host',
    }),
    ...layersSteps({
      store: facts.store,
      layers: facts.stack.layers,
      kind: 'copy',
      built: (layer) => builtPath(facts.store, 'vfs', layer),
      squash: facts.squash,
      columns: facts.columns,
    }),
  ],
  make: (facts, making) => [...copySteps(facts, making.directory), ...boundSteps(facts, making)],
  detach: (facts, { directory, mount }) => [
    ...copySteps(facts, directory),
    ...detachedTree(directory, mount),
  ],
};
