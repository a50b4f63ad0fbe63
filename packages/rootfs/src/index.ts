export { amendRootfs, type RootfsOptions } from './amend.ts';
export { gatherRootfs, type RootfsFacts, type RootfsSituation } from './gather.ts';
export { rootfsSteps } from './steps.ts';
export { parseMount, parseTmpfs, parseVolume } from './volumes.ts';
