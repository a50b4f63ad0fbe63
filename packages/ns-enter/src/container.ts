/** The half of ns-enter that a container of ctr-run needs: a start does not pay for the command line's. */
export type { Facts } from './facts.ts';
export { gather } from './gather.ts';
export { steps } from './steps/index.ts';
