export { amendProcess, type ProcessOptions } from './amend.ts';
export {
  gatherProcess,
  type ProcessFacts,
  type ProcessSituation,
  preservedDescriptors,
} from './gather.ts';
export { rlimitSteps } from './limits.ts';
export { schedulingSteps } from './scheduling.ts';
export { processSteps } from './steps.ts';
export { parseUlimit } from './ulimit.ts';
