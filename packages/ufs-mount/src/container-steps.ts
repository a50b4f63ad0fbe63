/**
 * The root of a container. Where the machine's own root user makes one without a user namespace, and
 * where somebody else makes one, overlays are mounted inside the container's mount namespace. In all
 * other cases the root is mounted outside, where the right to do so is, but attached nowhere, and the
 * container gets it by descriptor: nothing is left mounted, however it ends.
 */

import type { ContainerContext } from '@ctr-tools/cli';
import { exists, hex, randomBytes } from '@ctr-tools/host';
import { type AnyStep, slot, step, template } from '@ctr-tools/plan';
import { MOUNT_ATTR, MS, O } from '@ctr-tools/sys/constants';
import { lowerDirectories, optionsOf } from './driver/overlay.ts';
import { layersStep, layersUndo } from './layers-request.ts';
import { storeSteps, topSlot, unlockSteps } from './layers-step.ts';
import { overlaySteps } from './overlay-steps.ts';
import { type RootRecord, recordOf } from './record.ts';
import type { RootFacts } from './root-facts.ts';

export interface ContainerPlace {
  id: string;
  /** The directory of its state. */
  state: string;
  /** An empty directory of the container's, where the root is attached. */
  scratch: string;
  /** The root's own directory in the store, where it needs one; it goes with the container. */
  directory?: string;
  lifetime: ContainerContext['lifetime'];
}

const side = 'host';
const mount = slot('root.mount');

/** Whether the root is mounted by the container itself. */
const mountedInside = ({ driver, owners }: RootFacts): boolean => driver.name === 'overlay' && !owners;

export function containerPlace(facts: RootFacts, context: ContainerContext): ContainerPlace {
  const name = `ctr-${context.id}-${hex(randomBytes(4))}`;
  return {
    id: context.id,
    state: context.directory,
    scratch: `${context.directory}/root`,
    lifetime: context.lifetime,
    ...(!mountedInside(facts) && { directory: `${facts.store.path}/roots/${name}` }),
  };
}

export function containerSteps(facts: RootFacts, place: ContainerPlace): AnyStep[] {
  const { scratch, directory } = place;
  const scratchStep = step(
    'descriptors',
    'mkdir',
    { path: scratch, mode: 0o711 },
    'make the place for the root',
    { side },
  );
  const layers = facts.stack.layers.length > 0 || directory !== undefined;
  const have = layers ? [...storeSteps(facts.store), ...facts.driver.layers(facts), ...unlockSteps()] : [];
  if (directory === undefined) return [...have, scratchStep, ...overlaySteps(facts, scratch)];
  return [
    ...have,
    ...directorySteps(facts, place, directory),
    ...mountSteps(facts, directory),
    scratchStep,
    ...attachSteps(facts, scratch),
  ];
}

/** What is in use is known by its record, for nobody sees it mounted. */
function directorySteps(
  facts: RootFacts,
  { id, state, lifetime }: ContainerPlace,
  directory: string,
): AnyStep[] {
  const record: RootRecord = { ...recordOf(facts), container: { id, state } };
  return [
    step('state', 'mkdir', { path: directory, mode: 0o700 }, 'make a place for the root', {
      side,
      undo: layersUndo(
        lifetime === 'command' ? 'end' : 'failure',
        'remove_root',
        { path: directory },
        `remove ${directory}`,
      ),
    }),
    step(
      'state',
      'write_file',
      { path: `${directory}/root.json`, data: `${JSON.stringify(record)}\n`, mode: 0o600 },
      'record the root',
      { side },
    ),
  ];
}

function mountSteps(facts: RootFacts, own: string): AnyStep[] {
  const { driver, owners, request } = facts;
  const directory = request.upper ?? own;
  const userns = slot('root.owners');
  const mapping = owners
    ? [
        step('state', 'idmap_userns', { ...owners, userns }, 'make the ID map of the root', {
          side,
          hints: { EPERM: 'ID maps of others than oneself need root' },
        }),
      ]
    : [];
  if (driver.name === 'overlay') return [...mapping, ...mappedOverlay(facts, userns)];
  return [
    ...mapping,
    ...driver.detach(facts, { directory, passing: request.upper === undefined, mount }),
    ...(owners && !driver.mapsOwners
      ? [layersStep('state', 'map_owners', owners, 'map the owners of the root', { fds: [mount, userns] })]
      : []),
  ];
}

function mappedOverlay(facts: RootFacts, userns: ReturnType<typeof slot>): AnyStep[] {
  const { owners, request, stack, store } = facts;
  const kept = request.upper;
  const top = stack.layers.length > 0 ? template`${topSlot}/tree` : lowerDirectories(facts).at(-1)!;
  // What was kept has the root as it was left.
  const fresh = kept === undefined || !exists(`${kept}/upper`);
  const made = kept === undefined ? [] : [`${kept}/upper`, `${kept}/work`];
  const args = {
    scratch: `${store.path}/mnt`,
    lower: lowerDirectories(facts),
    changes: kept ?? '',
    top: fresh ? top : '',
    flags: request.readOnly ? MOUNT_ATTR.RDONLY : 0,
    options: optionsOf(facts, kept === undefined),
    uids: owners!.uids,
    gids: owners!.gids,
  };
  return [
    ...made.map((path) =>
      step('state', 'mkdirs', { path, mode: 0o755 }, 'make a directory for changes', { side }),
    ),
    layersStep('state', 'mapped_overlay', args, "mount the layers with the container's owners", {
      fds: [userns],
      reply: mount,
    }),
  ];
}

function attachSteps(facts: RootFacts, scratch: string): AnyStep[] {
  const args = {
    target: scratch,
    fd: mount,
    set: facts.request.readOnly ? MOUNT_ATTR.RDONLY : 0,
    propagation: MS.PRIVATE,
  };
  return [
    // Once the container has it, nobody else is to keep it mounted.
    step('network', 'close', { fd: mount }, 'leave the root to the container', { side }),
    step('root', 'bind', args, 'attach the root'),
    step('root', 'open', { path: scratch, flags: O.PATH | O.DIRECTORY, fd: slot('root') }, 'open the root'),
  ];
}
