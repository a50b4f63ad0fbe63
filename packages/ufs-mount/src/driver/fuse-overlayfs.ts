import { exists } from '@ctr-tools/host';
import { step, undo } from '@ctr-tools/plan';
import { MNT } from '@ctr-tools/sys/constants';
import { layersSteps } from '../layers-step.ts';
import type { Owners } from '../owners.ts';
import { below, partsOf } from '../text.ts';
import { mountPoint, takenFrom } from './built.ts';
import type { Driver } from './driver.ts';
import { changesSteps, lowerDirectories } from './overlay.ts';

const program = '/usr/bin/fuse-overlayfs';

/** fuse-overlayfs(1) takes a backslash for an escape before a colon or comma. */
const escaped = (path: string): string => path.replace(/[\\:,]/g, (c) => `\\${c}`);

/** fuse-overlayfs(1), `uidmapping`: inside, outside and how many, of each range. */
const mappings = (owners: Owners | undefined): string =>
  owners
    ? `,uidmapping=${owners.uids.trim().replace(/\s+/g, ':')},gidmapping=${owners.gids.trim().replace(/\s+/g, ':')}`
    : '';

export const fuseOverlayfs: Driver = {
  name: 'fuse-overlayfs',
  lacking: ({ host, rootless, data }) => {
    if (data) return 'data-only directories are for the driver overlay';
    if (!exists(program)) return `${program} is not installed (package fuse-overlayfs)`;
    if (!exists('/dev/fuse')) return 'there is no /dev/fuse';
    if (host) return "the machine's own root is made by the driver overlay only";
    return rootless ? 'without root only the driver overlay is supported' : undefined;
  },
  mapsOwners: true,
  trees: lowerDirectories,
  layers: ({ store, stack, squash, columns, userMarks }) =>
    layersSteps({
      store,
      layers: stack.layers,
      // It reads marks of either kind (fuse-overlayfs, main.c, OPAQUE_XATTR).
      kind: userMarks ? 'overlay-user' : 'overlay',
      squash,
      columns,
    }),
  make(facts, { directory, target }) {
    const { readOnly } = facts.request;
    const upper = below(directory, '/upper');
    const work = below(directory, '/work');
    const lower = lowerDirectories(facts).map(escaped).join(':');
    const changes = readOnly ? [] : [',upperdir=', ...partsOf(upper), ',workdir=', ...partsOf(work)];
    const options = { parts: [`lowerdir=${lower}`, ...changes, mappings(facts.owners)] };
    return [
      ...(readOnly ? [] : changesSteps(facts, upper, work)),
      step(
        'state',
        'helper',
        {
          file: program,
          argv: ['fuse-overlayfs', '-o', options, target],
          env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
          stdin: '',
          timeout: 30_000,
        },
        'mount by fuse-overlayfs',
        {
          side: 'host',
          undo: undo('failure', 'umount', { path: target, flags: MNT.DETACH }, 'unmount it'),
        },
      ),
    ];
  },
  detach: (facts, { directory, passing, mount }) => [
    ...mountPoint(directory),
    ...takenFrom(
      fuseOverlayfs.make(facts, { directory, target: `${directory}/root`, passing }),
      `${directory}/root`,
      mount,
    ),
  ],
};
