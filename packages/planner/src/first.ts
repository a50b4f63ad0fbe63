/** The planner's first chunk: the planner, and the rooms that the other chunks take from it. */
export { main } from './main.ts';
export { shared } from './shared.ts';
