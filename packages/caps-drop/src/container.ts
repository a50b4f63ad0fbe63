/** The half of caps-drop that a container of ctr-run needs: a start does not pay for the command line's. */
export { type CapsFacts, gatherCaps as gather } from './gather.ts';
export { capsSteps as steps } from './steps.ts';
