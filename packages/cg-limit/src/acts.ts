/** What ctr-run does with the groups of a container that runs. Loaded only then. */
export { freezeSteps } from './act/freeze.ts';
export { inspect, type Line, type Report } from './act/inspect.ts';
export { spell } from './act/table.ts';
export { ofProcess, type Place, placeAt, placeOf, type Target, targetOfRecord } from './act/target.ts';
export { updateSteps } from './act/update.ts';
export { hugePageSizes } from './gather.ts';
export { carriedBy, type Hierarchy, hierarchiesOf } from './layout.ts';
export { readResources } from './read-resources.ts';
