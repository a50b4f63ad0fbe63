export { amendRootfs, type RootfsOptions } from './amend.ts';
export {
  gatherRootfs,
  inheritsMounts,
  placeOf,
  type RootfsFacts,
  type RootfsSituation,
} from './gather.ts';
export { enterRootSteps, rootfsSteps, unmountSteps } from './steps.ts';
export { parseMount, parseTmpfs, parseVolume } from './volumes.ts';
