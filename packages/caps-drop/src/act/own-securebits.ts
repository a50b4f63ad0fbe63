/** A system call of its own: prctl(2), which only Node makes, through koffi. */
export { getSecurebits } from '@ctr-tools/sys';
