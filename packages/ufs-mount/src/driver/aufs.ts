import { step, undo } from '@ctr-tools/plan';
import { MNT } from '@ctr-tools/sys/constants';
import { below, partsOf } from '../text.ts';
import { lackingUnion, mountPoint, takenFrom, topDirectory } from './built.ts';
import type { Driver } from './driver.ts';
import { kernelHas, upperSteps } from './overlay.ts';
import { vfs } from './vfs.ts';

/** aufs is no part of Linux: only kernels with its patches (older Ubuntu's, some NAS's) have it. */
export const aufs: Driver = {
  name: 'aufs',
  lacking: ({ stack, host, rootless }) =>
    kernelHas('aufs')
      ? lackingUnion(stack, host, rootless)
      : 'the running kernel has no aufs (it is not part of Linux); overlay does the same',
  // Its own whiteouts are files; so it gets one branch below, in which nothing is hidden any more.
  trees: vfs.trees,
  layers: vfs.layers,
  make(facts, { directory, target }) {
    const upper = below(directory, '/upper');
    // fsconfig(2) knows `br=` alone: `br:` is rewritten by the parser of mount(2)'s text.
    const data = { parts: ['br=', ...partsOf(upper), `=rw:${topDirectory(facts, 'vfs')}=ro`] };
    const unmount = undo('failure', 'umount', { path: target, flags: MNT.DETACH }, 'unmount it');
    return [
      step('state', 'mkdirs', { path: upper, mode: 0o755 }, 'make a directory for changes', { side: 'host' }),
      ...upperSteps(facts, upper, 'state', 'host'),
      step('state', 'mount', { target, type: 'aufs', source: 'none', data }, 'mount by aufs', {
        side: 'host',
        undo: unmount,
      }),
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
