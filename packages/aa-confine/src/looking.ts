/** What those need who tell a process's labels beside other things. */
export { type Labels, readLabels } from './labels.ts';
export { type Modules, presentModules } from './modules.ts';
