/** What those need who tell a process's namespaces beside other things. */
export { inodeOfLink, isGone, parseStat } from './proc.ts';
