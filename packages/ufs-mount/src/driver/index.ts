import { Failure } from '@ctr-tools/cli';
import { aufs } from './aufs.ts';
import { btrfs } from './btrfs.ts';
import { devicemapper } from './devicemapper.ts';
import type { Driver, Situation } from './driver.ts';
import { fuseOverlayfs } from './fuse-overlayfs.ts';
import { overlay } from './overlay.ts';
import { vfs } from './vfs.ts';

export type { Driver, Making } from './driver.ts';

/** In the order in which `auto` tries them. */
export const drivers: readonly Driver[] = [overlay, fuseOverlayfs, btrfs, vfs, devicemapper, aufs];

export const driverNames = ['auto', ...drivers.map((driver) => driver.name)];

/** Whether a driver's layers are each by itself; else each has all that is below it. */
export const hasUnion = ({ name }: Pick<Driver, 'name'>): boolean =>
  name === 'overlay' || name === 'fuse-overlayfs' || name === 'aufs';

export const driverNamed = (name: string): Driver | undefined =>
  drivers.find((driver) => driver.name === name);

/** The driver that was named, or the first that can be used. Throws a `Failure` where it cannot. */
export function chooseDriver(name: string | undefined, situation: Situation): Driver {
  if (name !== undefined && name !== 'auto') {
    const driver = driverNamed(name);
    if (!driver) throw new Failure(`there is no driver ${name}; there are ${driverNames.join(', ')}`);
    const why = driver.lacking(situation);
    if (why !== undefined) throw new Failure(`--driver ${name}: ${why}`);
    return driver;
  }
  const reasons: string[] = [];
  for (const driver of drivers) {
    const why = driver.lacking(situation);
    if (why === undefined) return driver;
    reasons.push(`${driver.name}: ${why}`);
  }
  throw new Failure(`no driver can make this root: ${reasons.join('; ')}`);
}
