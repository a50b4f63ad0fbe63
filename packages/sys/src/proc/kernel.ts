import { readText } from '@ctr-tools/host';

/** The kernel's release as uname(2) has it, "6.12.48-amd64" (proc_sys_kernel(5), osrelease). */
export const kernelRelease = (): string => readText('/proc/sys/kernel/osrelease').trimEnd();

/** Whether the running kernel knows a file system (proc_filesystems(5)) or has a module of it, which mounting loads. */
export function kernelHas(type: string): boolean {
  const known = readText('/proc/filesystems').split('\n');
  if (known.some((line) => line.endsWith(`\t${type}`))) return true;
  try {
    return readText(`/lib/modules/${kernelRelease()}/modules.dep`).includes(`/${type}.ko`);
  } catch {
    return false;
  }
}
