import { exists } from '@ctr-tools/host';
import { type AnyStep, step, type Text, undo } from '@ctr-tools/plan';
import { MNT, MS } from '@ctr-tools/sys/constants';
import { kernelHas } from '@ctr-tools/sys/proc';
import { layersStep } from '../layers-request.ts';
import type { RootFacts } from '../root-facts.ts';
import { builtPath, chainPath, type StackLayer } from '../stack.ts';
import { below, partsOf } from '../text.ts';
import { lackingUnion, mountPoint, takenFrom } from './built.ts';
import type { Driver } from './driver.ts';
import { changesSteps, lowerDirectories, overlay } from './overlay.ts';

const side = 'host';

/** A layer as a branch, by its chain ID: one may take directories from those below. */
const branchPath = (facts: Pick<RootFacts, 'store'>, layer: StackLayer): string =>
  `${builtPath(facts.store, 'aufs', layer)}/tree`;

/**
 * A layer with aufs's marks, made of the one with overlay's. Two who make it at once make the same, and the one
 * who comes later finds it there.
 */
function branchSteps(facts: RootFacts, layer: StackLayer): AnyStep[] {
  const place = builtPath(facts.store, 'aufs', layer);
  if (exists(place)) return [];
  const half = `${place}.${facts.pid}.new`;
  const tree = `${half}/tree`;
  return [
    step('state', 'remove', { path: half, what: 'tree' }, 'remove what was left of a branch', { side }),
    step('state', 'mkdirs', { path: tree, mode: 0o755 }, 'make a place for a branch', { side }),
    layersStep(
      'state',
      'branch',
      { from: `${chainPath(facts.store, layer)}/tree`, to: tree },
      'make a branch of a layer',
    ),
    step('state', 'rename', { from: half, to: place }, 'put the branch into place', {
      side,
      unless: ['EEXIST', 'ENOTEMPTY'],
    }),
    step('state', 'remove', { path: half, what: 'tree' }, 'remove what somebody else has made', { side }),
  ];
}

/** Branches as `append=` takes them, the topmost first. A lower one may hide what is below it (aufs(5), `ro+wh`). */
const branchesOf = (facts: RootFacts): string[] =>
  facts.stack.layers.map((layer) => `${branchPath(facts, layer)}=ro+wh`).toReversed();

/** aufs is not part of Linux: only kernels with its patches (older Ubuntu's, some NAS's) have it. */
export const aufs: Driver = {
  name: 'aufs',
  lacking({ stack, host, rootless }) {
    if (!kernelHas('aufs'))
      return 'the running kernel has no aufs (it is not part of Linux); overlay does the same';
    return lackingUnion(stack, host, rootless);
  },
  // With overlay's marks, by which roots are compared with their layers.
  trees: lowerDirectories,
  layers: (facts) => [
    ...overlay.layers(facts),
    step('state', 'mkdirs', { path: `${facts.store.path}/aufs`, mode: 0o711 }, 'make the store', { side }),
    ...facts.stack.layers.flatMap((layer) => branchSteps(facts, layer)),
  ],
  make(facts, { directory, target }) {
    const { readOnly } = facts.request;
    const upper = below(directory, '/upper');
    // fsconfig(2) knows `br=` alone and takes 256 bytes; by mount(2) branches come in one by one.
    const first: Text = { parts: ['br=', ...partsOf(upper), readOnly ? '=ro+wh' : '=rw'] };
    const unmount = undo('failure', 'umount', { path: target, flags: MNT.DETACH }, 'unmount it');
    const flags = readOnly ? MS.RDONLY : 0;
    return [
      ...changesSteps(facts, upper),
      step('state', 'mount', { target, type: 'aufs', source: 'none', flags, data: first }, 'mount by aufs', {
        side,
        undo: unmount,
      }),
      ...branchesOf(facts).map((branch) =>
        step(
          'state',
          'mount',
          { target, type: 'aufs', source: 'none', flags: flags | MS.REMOUNT, data: `append=${branch}` },
          'add a layer to the aufs',
          { side },
        ),
      ),
    ];
  },
  detach: (facts, { directory, passing, mount }) => [
    ...mountPoint(directory),
    ...takenFrom(
      aufs.make(facts, { directory, target: `${directory}/root`, passing }),
      `${directory}/root`,
      mount,
    ),
  ],
};
