import { readText } from '@ctr-tools/host';

/** Whether this process is in another user namespace than the first, which maps every ID to itself (user_namespaces(7)). */
export function inUserNamespace(): boolean {
  try {
    return !/^\s*0\s+0\s+4294967295\s*$/.test(readText('/proc/self/uid_map'));
  } catch {
    return false; // a kernel without user namespaces
  }
}
