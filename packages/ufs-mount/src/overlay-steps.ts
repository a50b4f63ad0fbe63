/**
 * A root of overlays inside a mount namespace of its own, for a container or a command:
 * nothing has to be unmounted, for it ends with the namespace. What is thrown away lies in a
 * tmpfs.
 */
import { type AnyStep, slot, step, type Text } from '@ctr-tools/plan';
import { MOUNT_ATTR, MS } from '@ctr-tools/sys/constants';
import { lowerDirectories, mostLayers, overlayStep, upperSteps } from './driver/overlay.ts';
import type { HostTree } from './host-root.ts';
import type { RootFacts } from './root-facts.ts';
import { below } from './text.ts';

/** Mount the root below `scratch`, an empty directory, and fill the slot `root`. Phase `root`. */
export function overlaySteps(facts: RootFacts, scratch: Text): AnyStep[] {
  const tmpfs = {
    target: scratch,
    type: 'tmpfs',
    source: 'ctr-root',
    flags: MS.NODEV | MS.NOSUID,
    data: 'mode=0711',
  };
  const merged = below(scratch, '/merged');
  if (facts.hostTree)
    return [
      step('root', 'mount', tmpfs, 'mount a tmpfs for the root'),
      ...treeSteps(facts, facts.hostTree, scratch),
    ];
  const parts = facts.hostMounts?.map((at) => ({ at, lower: [at] })) ?? [
    { at: '/', lower: lowerDirectories(facts) },
  ];
  return [
    step('root', 'mount', tmpfs, 'mount a tmpfs for the changes of the root'),
    step('root', 'mkdir', { path: merged, mode: 0o755 }, 'make the mount point of the root'),
    ...parts.flatMap(({ at, lower }, index) => {
      const target = at === '/' ? merged : below(merged, at);
      const { upper, work, made, top } = changes(facts, scratch, index);
      const passing = facts.request.upper === undefined;
      return [
        ...made,
        ...(index === 0 ? upperSteps(facts, top, 'root', 'container') : []),
        overlayStep(
          facts,
          {
            target,
            lower: upper === '' && lower.length < mostLayers ? [top, ...lower] : lower,
            upper,
            work,
            passing,
            index,
          },
          'root',
          'container',
        ),
      ];
    }),
  ];
}

/** The machine's root in pieces, on a tmpfs. */
function treeSteps(facts: RootFacts, tree: HostTree, scratch: Text): AnyStep[] {
  const merged = below(scratch, '/merged');
  const root = slot('root');
  const directory = (path: Text, mode: number): AnyStep =>
    step('root', 'mkdir', { path, mode }, 'make a directory of the root');
  return [
    directory(merged, 0o755),
    ...tree.directories.map(([path, mode]) => directory(below(merged, path), mode)),
    ...tree.overlays.flatMap((at, index) => {
      const { upper, work, made, top } = changes(facts, scratch, index);
      const target = below(merged, at);
      const lower = upper === '' ? [top, at] : [at];
      return [
        directory(target, 0o755),
        ...made,
        step('root', 'copy_attr', { from: at, to: top }, `give ${at} its mode`, { unless: ['EACCES'] }),
        overlayStep(
          facts,
          // The slot `root` is for the whole.
          { target, lower, upper, work, passing: true, index: index + 1 },
          'root',
          'container',
        ),
      ];
    }),
    ...tree.files.map((path) =>
      step(
        'root',
        'bind',
        { target: below(merged, path), source: path, set: MOUNT_ATTR.RDONLY, make: 'like_source' },
        `show ${path}`,
        // One that is gone again, or that nobody may look at.
        { unless: ['ENOENT', 'EACCES'] },
      ),
    ),
    step('root', 'root_mount', { path: merged, root }, 'make the tree the root'),
    ...tree.links.map(([path, target]) =>
      step('root', 'link_in', { root, path, target }, `make the link ${path}`),
    ),
    // The overlays are so by themselves; this is what lies between them.
    ...(facts.request.readOnly
      ? [step('root', 'mount_attr', { root, target: '/', set: MOUNT_ATTR.RDONLY }, 'make the root read-only')]
      : []),
  ];
}

/** Where changes go; without any, an empty directory on top says what the root itself is like. */
function changes(
  facts: RootFacts,
  scratch: Text,
  i: number,
): { upper: Text; work: Text; top: Text; made: AnyStep[] } {
  const { readOnly, upper: kept } = facts.request;
  const top = kept === undefined ? below(scratch, `/upper${i}`) : `${kept}/upper`;
  const work = kept === undefined ? below(scratch, `/work${i}`) : `${kept}/work`;
  const make = (path: Text): AnyStep =>
    step('root', 'mkdirs', { path, mode: 0o755 }, 'make a directory for changes');
  return readOnly
    ? { upper: '', work: '', top, made: [make(top)] }
    : { upper: top, work, top, made: [make(top), make(work)] };
}
