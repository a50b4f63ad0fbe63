import { exists } from '@ctr-tools/host';
import { type AnyStep, slot, step, type Text, template, undo } from '@ctr-tools/plan';
import { MNT, MOUNT_ATTR } from '@ctr-tools/sys/constants';
import { kernelHas } from '@ctr-tools/sys/proc';
import { layersSteps, topSlot } from '../layers-step.ts';
import type { RootFacts } from '../root-facts.ts';
import { chainPath } from '../stack.ts';
import { below } from '../text.ts';
import type { Driver } from './driver.ts';

/** OVL_MAX_STACK (fs/overlayfs/params.h), the upper directory not counted. */
export const mostLayers = 500;

const hints = {
  EINVAL:
    'the file system of a layer or of the upper directory cannot be used by overlay; choose another --driver',
  ENODEV: 'this kernel has no overlay file system; choose another --driver',
  EPERM: 'without root it takes a user namespace and a kernel from 5.11 on',
};

/** Directories of the layers, topmost first, as overlay wants them. */
export const lowerDirectories = (facts: Pick<RootFacts, 'store' | 'stack'>): string[] =>
  facts.stack.parts
    .map((part) => ('directory' in part ? part.directory : `${chainPath(facts.store, part.layer)}/tree`))
    .toReversed();

/** Mount options: marks as `user.*`; a file system whose changes are thrown away need not be synced. */
export const optionsOf = (facts: RootFacts, passing: boolean): string[] => [
  ...(facts.userMarks ? ['userxattr'] : []),
  ...(passing ? ['volatile'] : []),
  ...(facts.stack.data.length > 0 ? ['metacopy=on'] : []),
  ...facts.stack.data.map((path) => `datadir+=${path}`),
];

/** The upper directory is what the merged root's own attributes come from. */
export function upperSteps(
  facts: RootFacts,
  upper: Text,
  phase: 'state' | 'root',
  side: 'host' | 'container',
): AnyStep[] {
  // What was kept has the root as it was left.
  if (typeof upper === 'string' && exists(upper)) return [];
  const bottom = facts.stack.parts.at(-1);
  const from: Text | undefined =
    bottom && 'directory' in bottom
      ? bottom.directory
      : facts.stack.layers.length > 0
        ? template`${topSlot}/tree`
        : facts.hostMounts?.[0];
  if (from === undefined) return [];
  return [
    step(phase, 'copy_attr', { from, to: upper }, "give the root its layer's owner and mode", { side }),
  ];
}

/** One overlay on a directory. */
export function overlayStep(
  facts: RootFacts,
  at: { target: Text; lower: readonly Text[]; upper: Text; work: Text; passing: boolean; index: number },
  phase: 'state' | 'root',
  side: 'host' | 'container',
): AnyStep {
  const { target, lower, upper, work, passing, index } = at;
  const args = {
    target,
    // Without an upper directory overlayfs wants two layers at least.
    lower: upper === '' && lower.length === 1 ? [...lower, `${facts.store.path}/empty`] : lower,
    upper,
    work,
    flags: facts.request.readOnly ? MOUNT_ATTR.RDONLY : 0,
    options: upper === '' ? optionsOf(facts, false) : optionsOf(facts, passing),
    root: slot(index === 0 ? 'root' : `root.${index}`),
  };
  const doing = `mount an overlay of ${lower.length === 1 ? 'a directory' : `${lower.length} layers`}`;
  const unmount = undo('failure', 'umount', { path: target, flags: MNT.DETACH }, 'unmount the overlay');
  return step(phase, 'overlay', args, doing, { side, hints, ...(side === 'host' && { undo: unmount }) });
}

export const overlay: Driver = {
  name: 'overlay',
  lacking({ stack }) {
    if (!kernelHas('overlay')) return 'this kernel has no overlay file system';
    const count = stack.parts.length + stack.data.length;
    return count > mostLayers
      ? `overlay takes ${mostLayers} layers at most, and these are ${count}`
      : undefined;
  },
  trees: lowerDirectories,
  layers: ({ store, stack, squash, columns, userMarks }) =>
    layersSteps({
      store,
      layers: stack.layers,
      kind: userMarks ? 'overlay-user' : 'overlay',
      squash,
      columns,
    }),
  make(facts, { directory, target, passing }) {
    const { readOnly } = facts.request;
    if (facts.hostMounts) return hostOverlays(facts, directory, target, passing);
    const lower = lowerDirectories(facts);
    const upper = below(directory, '/upper');
    const work = below(directory, '/work');
    // An empty directory on top says what the root itself is like.
    if (readOnly && lower.length < mostLayers)
      return [
        ...changesSteps(facts, upper),
        overlayStep(
          facts,
          { target, lower: [upper, ...lower], upper: '', work: '', passing, index: 0 },
          'state',
          'host',
        ),
      ];
    if (readOnly)
      return [overlayStep(facts, { target, lower, upper: '', work: '', passing, index: 0 }, 'state', 'host')];
    return [
      ...changesSteps(facts, upper, work),
      overlayStep(facts, { target, lower, upper, work, passing, index: 0 }, 'state', 'host'),
    ];
  },
  // By descriptor into the container, with the owners that it has: `overlay-steps.ts`.
  detach: () => [],
};

/** The upper directory, with the root's attributes, and others that a driver wants beside it. */
export const changesSteps = (facts: RootFacts, upper: Text, ...others: readonly Text[]): AnyStep[] => [
  ...makeDirectories([upper, ...others]),
  ...upperSteps(facts, upper, 'state', 'host'),
];

/** Missing directories for changes; those of an earlier mount are used again. */
const makeDirectories = (paths: readonly Text[]): AnyStep[] =>
  paths.map((path) =>
    step('state', 'mkdirs', { path, mode: 0o755 }, 'make a directory for changes', { side: 'host' }),
  );

/** An overlay over `/` does not show what is mounted on it: each of those gets one of its own. */
function hostOverlays(facts: RootFacts, directory: Text, target: Text, passing: boolean): AnyStep[] {
  return facts.hostMounts!.flatMap((at, index) => {
    const upper = below(directory, `/upper${index}`);
    const work = below(directory, `/work${index}`);
    const writable = !facts.request.readOnly;
    const here = {
      target: at === '/' ? target : below(target, at),
      lower: [at],
      upper: writable ? upper : '',
      work: writable ? work : '',
      passing,
      index,
    };
    return [...(writable ? makeDirectories([upper, work]) : []), overlayStep(facts, here, 'state', 'host')];
  });
}
