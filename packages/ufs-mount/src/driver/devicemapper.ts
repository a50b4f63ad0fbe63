import { exists } from '@ctr-tools/host';
import { type AnyStep, type Slot, slot, step, type Text, undo } from '@ctr-tools/plan';
import { MNT } from '@ctr-tools/sys/constants';
import { layersStep } from '../layers-request.ts';
import { layersSteps } from '../layers-step.ts';
import type { RootFacts } from '../root-facts.ts';
import { builtPath } from '../stack.ts';
import { builtTrees, lackingUnion } from './built.ts';
import type { Driver } from './driver.ts';

const side = 'host';

/** Where a pool's volumes are known: `loop` is the pool that is made for the store. */
export const poolPlace = (pool: string | undefined): string => `devicemapper/${pool ?? 'loop'}`;

/**
 * Sizes in bytes. The files of a pool are all holes at first, and the size of a volume is only the most
 * that a root may grow to: as Docker's loop-backed pool had them (`dm.loopdatasize`, `dm.basesize`).
 */
const sizes = { data: 100 * 2 ** 30, metadata: 2 * 2 ** 30, base: 10 * 2 ** 30 };

const formatters = ['/usr/sbin/mkfs.ext4', '/sbin/mkfs.ext4'];

/** A thin volume reads as zeros where nothing was written: tables that are not written take no space (mke2fs(8)). */
const mkfs = (): string[] => [
  formatters.find((file) => exists(file)) ?? formatters[0]!,
  '-q',
  '-F',
  '-m',
  '0',
  '-E',
  'nodiscard,lazy_itable_init=1,assume_storage_prezeroed=1',
];

/** A volume for the root, upon the topmost layer's; one that was kept is used again. */
function volumeSteps(facts: RootFacts, directory: Text): AnyStep[] {
  const { store, stack, request } = facts;
  const of = builtPath(store, poolPlace(request.pool), stack.layers.at(-1)!);
  return [
    step('state', 'mkdirs', { path: directory, mode: 0o711 }, 'make a place for the volume', { side }),
    layersStep('state', 'thin_volume', { place: directory, of }, 'make a snapshot of the layers', {
      unless: ['EEXIST'],
    }),
  ];
}

const mountStep = (facts: RootFacts, place: Text, target: Text, reply: Slot): AnyStep =>
  layersStep(
    'state',
    'thin_mount',
    { place, readonly: facts.request.readOnly ?? false, target },
    'mount the volume',
    {
      reply,
      ...(target !== '' && {
        undo: undo('failure', 'umount', { path: target, flags: MNT.DETACH }, 'unmount the volume'),
      }),
    },
  );

export const devicemapper: Driver = {
  name: 'devicemapper',
  lacking({ stack, host, rootless, inside }) {
    const why = lackingUnion(stack, host, rootless || inside);
    if (why !== undefined) return why;
    if (!exists('/dev/mapper/control'))
      return 'there is no /dev/mapper/control: the kernel has no device mapper, or it is not loaded (modprobe dm_mod)';
    if (!formatters.some((file) => exists(file)))
      return `${formatters[0]} is not installed (package e2fsprogs)`;
    return undefined;
  },
  trees: (facts) => builtTrees(facts, poolPlace(facts.request.pool)),
  layers(facts) {
    const place = poolPlace(facts.request.pool);
    const directory = `${facts.store.path}/${place}`;
    return [
      step('state', 'mkdirs', { path: directory, mode: 0o711 }, 'make the store', { side }),
      layersStep(
        'state',
        'thin_pool',
        { directory, ...sizes, mkfs: mkfs() },
        facts.request.pool === undefined
          ? 'have a thin pool over files of the store'
          : `use the thin pool ${facts.request.pool}`,
        {
          reply: slot('thin.pool'),
          hints: {
            ENOSPC: 'the file system of the store is full; CTR_STORE says where it is',
            EFBIG: 'the file system of the store takes no files of 100 GiB; name a pool with --pool',
            ENOENT: 'loop devices or device mapper are not there (modprobe loop dm_thin_pool)',
          },
        },
      ),
      ...layersSteps({
        store: facts.store,
        layers: facts.stack.layers,
        kind: 'thin',
        built: (layer) => builtPath(facts.store, place, layer),
        squash: facts.squash,
        columns: facts.columns,
      }),
    ];
  },
  make: (facts, { directory, target }) => [
    ...volumeSteps(facts, directory),
    mountStep(facts, directory, target, slot('thin.mount')),
  ],
  detach: (facts, { directory, mount }) => [
    ...volumeSteps(facts, directory),
    mountStep({ ...facts, request: { ...facts.request, readOnly: false } }, directory, '', mount),
  ],
};
