/** The half of cg-limit that a container of ctr-run needs: a start does not pay for the command line's. */
export type { Facts, GroupFacts } from './facts.ts';
export { gather } from './gather.ts';
export { type CgroupRecord, cgroupRecord } from './groups.ts';
export { hierarchiesOf } from './layout.ts';
export { enterClass, rdtDirectories } from './rdt.ts';
export { enter, steps } from './steps.ts';
export { attachSteps, mayMove } from './systemd/attach.ts';
export { stopUnitStep } from './systemd/stop.ts';
export { warnings } from './warnings.ts';
