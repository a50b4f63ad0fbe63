import { readFileSync } from 'node:fs';

/** The kernel's release as uname(2) has it, "6.12.48-amd64" (proc_sys_kernel(5), osrelease). Node's `os` has it too, for a load of its own. */
export const kernelRelease = (): string => readFileSync('/proc/sys/kernel/osrelease', 'latin1').trimEnd();
