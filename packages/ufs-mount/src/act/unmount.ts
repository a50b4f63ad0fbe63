/** `--unmount TARGET`: take a mounted root down; its changes stay unless it was made with --temp. */

import { Failure, type Host } from '@ctr-tools/cli';
import { realPath, resolve } from '@ctr-tools/host';
import { type AnyStep, compile, type Plan, step } from '@ctr-tools/plan';
import { readMountinfo } from '@ctr-tools/sys/proc';
import { layersStep } from '../layers-request.ts';
import { type KnownRoot, knownRoots } from '../record.ts';
import { storeOf } from '../store.ts';

/** The root that a path, or an ID of the store, names. */
export function findRoot(given: string, host: Host): KnownRoot {
  const store = storeOf(host);
  const path = given.includes('/') ? realOr(resolve(host.cwd, given)) : undefined;
  const found = knownRoots(store).findLast(({ id, target, directory }) =>
    path === undefined ? id === given : realOr(target) === path || realOr(directory) === path,
  );
  if (found) return found;
  throw new Failure(
    `${given} is no root of the store ${store.path}; ufs-mount --list shows what is (CTR_STORE names another store)`,
  );
}

/** A path without links, or as it is where there is nothing. */
export function realOr(path: string): string {
  try {
    return realPath(path);
  } catch {
    return path;
  }
}

/** Mount points of a root, what was mounted last first. */
export function mountPointsOf({ target }: KnownRoot): string[] {
  const at = realOr(target);
  return readMountinfo()
    .map(({ mountPoint }) => mountPoint)
    .filter((path) => path === at || path.startsWith(`${at}/`))
    .toReversed();
}

export function unmount(given: string, host: Host): Plan {
  const root = findRoot(given, host);
  const points = mountPointsOf(root);
  if (points.length === 0 && !root.record.temp)
    throw new Failure(
      `${given} is not mounted; its changes are in ${root.changes}, ufs-mount --remove ${root.id} removes them`,
    );
  return compile([[...unmountSteps(root, points), ...(root.record.temp ? removeSteps(root) : []), end]], {
    tool: 'ufs-mount',
    exit: 125,
  });
}

const end: AnyStep = step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' });

export const unmountSteps = (root: KnownRoot, points: readonly string[]): AnyStep[] =>
  points.map((path) =>
    step('state', 'umount', { path, flags: 0 }, `unmount ${path}`, {
      side: 'host',
      unless: ['EINVAL'],
      hints: {
        EBUSY: `something still uses ${root.target}: a process in it (fuser -m ${root.target}), or a mount`,
        EPERM: 'it takes root',
      },
    }),
  );

/** Remove what the store has of a root: its changes too, where they are not elsewhere. */
export const removeSteps = ({ directory }: KnownRoot): AnyStep[] => [
  layersStep('state', 'remove_root', { path: directory }, `remove ${directory}`, {
    hints: { EBUSY: 'something still has its volume mounted, in a mount namespace of its own perhaps' },
  }),
];
