/**
 * What the drivers without a union share: each layer is a tree with all that is below it, and a root is
 * a copy or a snapshot of the topmost, in the root's own directory.
 */
import { type AnyStep, type Slot, step, undo } from '@ctr-tools/plan';
import { MNT, MOUNT_ATTR, MS } from '@ctr-tools/sys/constants';
import type { RootFacts } from '../root-facts.ts';
import { builtPath, type Stack } from '../stack.ts';
import { below } from '../text.ts';
import type { Making } from './driver.ts';

/** What drivers without a union ask of a root. */
export function lackingUnion(stack: Stack, host: boolean, rootless: boolean): string | undefined {
  if (host) return "the machine's own root is made by the driver overlay only";
  if (rootless) return 'without root only the driver overlay is supported';
  if (stack.data.length > 0 || stack.parts.some((part) => 'directory' in part))
    return 'it takes images and archives of layers, not directories';
  return undefined;
}

/** The directory of everything up to the topmost layer. */
export const topDirectory = (facts: RootFacts, place: string): string =>
  `${builtPath(facts.store, place, facts.stack.layers.at(-1)!)}/tree`;

/** The trees of all layers, topmost first. */
export const builtTrees = ({ store, stack }: Pick<RootFacts, 'store' | 'stack'>, place: string): string[] =>
  stack.layers.map((layer) => `${builtPath(store, place, layer)}/tree`).toReversed();

/** The tree stands in the root's directory; where it is to be seen elsewhere, it is bound there. */
export function boundSteps(facts: RootFacts, { directory, target }: Making): AnyStep[] {
  const args = {
    target,
    source: below(directory, '/tree'),
    set: facts.request.readOnly ? MOUNT_ATTR.RDONLY : 0,
    propagation: MS.PRIVATE,
  };
  return [
    step('state', 'bind', args, 'show the root at its place', {
      side: 'host',
      undo: undo('failure', 'umount', { path: target, flags: MNT.DETACH }, 'unmount the root'),
    }),
  ];
}

/** The tree as a mount that is attached nowhere. */
export const detachedTree = (directory: string, mount: Slot): AnyStep[] => [
  step('state', 'open_tree', { path: `${directory}/tree`, fd: mount }, 'take the tree', {
    side: 'host',
  }),
];

/** What a driver mounts at a directory, taken from there: it then lasts as long as whoever has it. */
export const takenFrom = (steps: readonly AnyStep[], target: string, mount: Slot): AnyStep[] => [
  ...steps.map(({ undo: gone, ...rest }) =>
    gone?.op === 'umount' ? rest : { ...rest, ...(gone && { undo: gone }) },
  ),
  step('state', 'open_tree', { path: target, fd: mount }, 'take the mount', { side: 'host' }),
  step('state', 'umount', { path: target, flags: MNT.DETACH }, 'leave it to the container alone', {
    side: 'host',
  }),
];

/** A place in the root's own directory for what is mounted only to be taken. */
export const mountPoint = (directory: string): AnyStep[] => [
  step('state', 'mkdirs', { path: `${directory}/root`, mode: 0o711 }, 'make a mount point', {
    side: 'host',
  }),
];
