/** What those need who tell a process's capabilities beside other things. */
export { maskOf, shortNames, summary } from './capability-list.ts';
export { lastCapability } from './privileges.ts';
export { allows } from './sentences.ts';
