import { readText } from '@ctr-tools/host';

/** The kernel's release as uname(2) has it, "6.12.48-amd64" (proc_sys_kernel(5), osrelease). */
export const kernelRelease = (): string => readText('/proc/sys/kernel/osrelease').trimEnd();
