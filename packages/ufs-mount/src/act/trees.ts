/** The trees of layers that drivers without a union built, made ready to be compared with a root. */
import { dirname } from '@ctr-tools/host';
import { type AnyStep, step } from '@ctr-tools/plan';
import { CLONE, MS } from '@ctr-tools/sys/constants';
import { hasUnion } from '../driver/index.ts';
import { layersStep } from '../layers-request.ts';
import type { KnownRoot } from '../record.ts';

const side = 'host';

/** Whether each of a root's layers is a tree with all that is below it. */
export const withBuiltTrees = ({ record }: KnownRoot): boolean => !hasUnion({ name: record.driver });

/** A mount namespace of our own, with the volumes of these trees mounted in it. */
export const readyTrees = ({ record }: KnownRoot, trees: readonly string[]): AnyStep[] => [
  step('unshare', 'unshare', { flags: CLONE.NEWNS }, 'make a mount namespace', { side }),
  step('root', 'propagation', { path: '/', flags: MS.PRIVATE | MS.REC }, 'cut the mounts off', { side }),
  ...(record.driver === 'devicemapper'
    ? trees.map((target) =>
        layersStep(
          'root',
          'thin_mount',
          { place: dirname(target), readonly: 1, target },
          'mount the volume of a layer',
        ),
      )
    : []),
];
