import { readMountinfo } from './mountinfo.ts';

/** Where resctrl is mounted (resctrl.rst), or undefined. */
export const resctrlMount = (): string | undefined =>
  readMountinfo('self').find(({ type }) => type === 'resctrl')?.mountPoint;
