import { Failure } from '@ctr-tools/cli';
import { normalize } from '@ctr-tools/host';
import type { RootfsPropagation, Spec } from '@ctr-tools/oci';
import { type AnyStep, slot, step, undo } from '@ctr-tools/plan';
import { MOUNT_ATTR, MS, O } from '@ctr-tools/sys/constants';
import { coverableProc, destinationOf, isBind } from './destination.ts';
import { deviceSteps } from './devices.ts';
import { inheritsMounts, placeOf, type RootfsFacts } from './gather.ts';
import { contextOf, mountSteps, readonlyAfterwards } from './mounts.ts';

const root = slot('root');

/**
 * Pure: everything inside the root, from the mount namespace cut off from the host to the
 * root made read-only. Empty for a spec that has no root of its own and no mounts. Throws a
 * `Failure` for a spec that cannot be carried out safely.
 */
export function rootfsSteps(spec: Spec, facts: RootfsFacts): AnyStep[] {
  if (!spec.root && !facts.rootSlotFilled) {
    if (!spec.mounts?.length) return [];
    throw new Failure('the spec has mounts but no root to make them in; name one in root.path');
  }
  return [
    ...(inheritsMounts(spec) ? inheritedRootSteps(spec, facts) : rootSteps(spec, facts)),
    ...mountSteps(spec, facts),
    ...checkSteps(spec),
    ...deviceSteps(spec, facts),
    ...pivotSteps(spec, facts),
    ...(leavesBinds(spec) ? propagationSteps(spec) : []),
    ...readonlyAfterwards(spec),
    ...maskSteps(spec),
    ...(leavesBinds(spec) ? [] : propagationSteps(spec)),
    ...readonlySteps(spec),
  ];
}

const propagations: Record<RootfsPropagation, number> = {
  shared: MS.SHARED,
  slave: MS.SLAVE,
  private: MS.PRIVATE,
  unbindable: MS.UNBINDABLE,
  rshared: MS.SHARED | MS.REC,
  rslave: MS.SLAVE | MS.REC,
  rprivate: MS.PRIVATE | MS.REC,
  runbindable: MS.UNBINDABLE | MS.REC,
};

/** The flags that a word of linux.rootfsPropagation stands for. */
function propagationOf(spec: Spec): number | undefined {
  const word = spec.linux?.rootfsPropagation;
  if (!word) return undefined;
  const flags = propagations[word];
  if (flags === undefined) {
    throw new Failure(
      `linux.rootfsPropagation: "${word}" is none of ${Object.keys(propagations).join(', ')}`,
    );
  }
  return flags;
}

/**
 * The mount namespace is cut off, and the root becomes a mount. Nothing said, all mounts
 * become slaves: what the host mounts later is seen, what the container mounts is not. Where
 * they stay shared the root's parent alone is made private, as pivot_root(2) demands. What is
 * unbindable could not be made the root, so it is private until the root is changed.
 */
function rootSteps(spec: Spec, facts: RootfsFacts): AnyStep[] {
  const wanted = propagationOf(spec) ?? MS.SLAVE | MS.REC;
  const unbindable = (wanted & MS.UNBINDABLE) !== 0;
  const flags = unbindable ? MS.PRIVATE | (wanted & MS.REC) : wanted;
  const steps = [
    step('root', 'propagation', { path: '/', flags }, "cut the mounts off from the host's", {
      hints: {
        EPERM: 'this needs root, or a user namespace',
        EINVAL:
          '/ is not a mount point, as in a chroot: mount --bind DIR DIR before chroot(8), or use ns-enter --root=DIR',
      },
    }),
  ];
  if (flags & MS.SHARED) {
    const path = facts.parentMount;
    steps.push(step('root', 'propagation', { path, flags: MS.PRIVATE }, `make the mount ${path} private`));
  }
  if (!facts.rootSlotFilled) {
    steps.push(
      step('root', 'root_mount', { path: facts.rootPath, root }, `make ${facts.rootPath} the root`, {
        hints: {
          EACCES:
            'root of the user namespace may not enter it: give others the right to search every directory above it',
        },
      }),
    );
  }
  return steps;
}

/**
 * Without a mount namespace the mounts are made among the caller's. All lie below one, a copy of the root at a place of
 * the container's own, which is private: they appear nowhere else, and are gone with that one, whoever unmounts it.
 */
function inheritedRootSteps(spec: Spec, { inherited, rootPath, rootSlotFilled }: RootfsFacts): AnyStep[] {
  const instead = 'add {"type": "mount"} to linux.namespaces';
  if (rootSlotFilled || !inherited)
    throw new Failure(`there is no mount namespace in which this root could be made; ${instead}`);
  if (spec.linux?.namespaces?.some(({ type }) => type === 'user'))
    throw new Failure(
      `root of a user namespace may mount nothing outside, and there is no mount namespace of its own; ${instead}`,
    );
  const { place, until } = inherited;
  const propagation = MS.PRIVATE | MS.REC;
  const bind = { target: place, source: rootPath, recursive: 1, propagation, make: 'like_source' } as const;
  return [
    step('descriptors', 'bind', bind, `mount ${rootPath} on ${place}`, {
      side: 'host',
      hints: { EPERM: `this needs CAP_SYS_ADMIN; ${instead}` },
      undo: undo(until, 'umount', { path: place, flags: DETACH }, `unmount ${place}`),
    }),
    step('root', 'open', { path: place, flags: O.PATH | O.DIRECTORY | O.CLOEXEC, fd: root }, `open ${place}`),
  ];
}

/** umount2(2): MNT_DETACH and UMOUNT_NOFOLLOW. */
const DETACH = 2 | 8;

/** Take away, from outside, what a container without a mount namespace has mounted. */
export const unmountSteps = (directory: string): AnyStep[] => {
  const path = placeOf(directory);
  return [
    step('running', 'umount', { path, flags: DETACH }, `unmount ${path}`, {
      side: 'host',
      // There, and not a mount: it was not mounted yet, or is unmounted already.
      unless: ['EINVAL', 'ENOENT'],
    }),
  ];
};

/** What takes a further process into the root of such a container. */
export function enterRootSteps(spec: Spec, directory: string): AnyStep[] {
  if (!spec.root || !inheritsMounts(spec)) return [];
  const path = placeOf(directory);
  const flags = O.PATH | O.DIRECTORY | O.CLOEXEC;
  return [
    step('descriptors', 'open', { path, flags, fd: root }, `open ${path}`, { side: 'host' }),
    chrootStep,
  ];
}

/** Proof that no link in the root led a mount astray. */
function checkSteps(spec: Spec): AnyStep[] {
  const mounts = spec.mounts ?? [];
  const whole = mounts
    .filter((m) => !isBind(m) && (m.type === 'proc' || m.type === 'sysfs'))
    .map((m) => `${destinationOf(m)} ${m.type}`);
  // A bind of a whole procfs brings along what is mounted inside it.
  const bound = mounts.some((m) => isBind(m) && destinationOf(m) === '/proc');
  const allowed = bound ? ['/proc'] : coverableProc;
  if (mounts.length === 0) return [];
  return [step('mounts', 'check_mounts', { root, allowed, whole }, 'check where the mounts came to lie')];
}

const chrootStep = step('pivot', 'change_root', { root, leaving: 'chroot' }, 'change the root by chroot');

function pivotSteps(spec: Spec, facts: RootfsFacts): AnyStep[] {
  if (inheritsMounts(spec)) return [chrootStep];
  if (!facts.noPivot) return [step('pivot', 'change_root', { root }, 'change the root')];
  // The launcher takes the host's procfs and sysfs away first, which would stay within reach.
  return [step('pivot', 'change_root', { root, leaving: 'move' }, 'change the root without pivot_root')];
}

/** The propagation that was asked for, now that pivot_root(2) can no longer object to it. */
function propagationSteps(spec: Spec): AnyStep[] {
  const flags = propagationOf(spec);
  if (flags === undefined) return [];
  const word = spec.linux?.rootfsPropagation;
  return [step('masks', 'propagation', { path: '/', flags }, `make the mounts of the container ${word}`)];
}

/** What is unbindable cannot be bound over itself, as masks and read-only paths are: it becomes so when they are there. */
const leavesBinds = (spec: Spec): boolean => ((propagationOf(spec) ?? 0) & MS.UNBINDABLE) === 0;

function maskSteps(spec: Spec): AnyStep[] {
  const { maskedPaths = [], readonlyPaths = [] } = spec.linux ?? {};
  for (const path of [...maskedPaths, ...readonlyPaths]) {
    if (!path.startsWith('/')) {
      throw new Failure(`linux.maskedPaths, linux.readonlyPaths: "${path}" is not an absolute path`);
    }
  }
  const context = contextOf(spec);
  const label = context !== undefined && { context };
  return [
    ...readonlyPaths
      .filter((path) => !isRoot(path))
      .map((path) => step('masks', 'readonly', { root: -1, path }, `make ${path} read-only`)),
    ...maskedPaths.map((path) => step('masks', 'mask', { path, ...label }, `hide ${path}`)),
  ];
}

/** What is bound over `/` is reached by nobody whose root is below it, so the root's own mount is changed. */
const isRoot = (path: string): boolean => normalize(path) === '/';

function readonlySteps(spec: Spec): AnyStep[] {
  if (!spec.root?.readonly && !spec.linux?.readonlyPaths?.some(isRoot)) return [];
  const args = { root: -1, target: '/', set: MOUNT_ATTR.RDONLY, clear: 0, propagation: 0, recursive: 0 };
  return [step('root-readonly', 'mount_attr', args, 'make the root read-only')];
}
