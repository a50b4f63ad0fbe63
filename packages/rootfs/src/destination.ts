import { Failure } from '@ctr-tools/cli';
import { resolve } from '@ctr-tools/host';
import type { Mount } from '@ctr-tools/oci';

/** A bind, whatever its type says, is what an option or the type calls so. */
export function isBind(mount: Mount): boolean {
  return (
    mount.type === 'bind' ||
    mount.type === 'rbind' ||
    (mount.options ?? []).some((o) => o === 'bind' || o === 'rbind')
  );
}

/** A destination as a path from the container's root: relative ones start there too (config.md, Mounts). */
export function destinationOf(mount: Mount): string {
  return resolve('/', mount.destination);
}

/**
 * The files of /proc that a mount may cover, since lxcfs and its like serve them: the list of
 * runc (libcontainer/rootfs_linux.go, checkProcMount).
 */
export const coverableProc: readonly string[] = [
  '/proc/cpuinfo',
  '/proc/diskstats',
  '/proc/meminfo',
  '/proc/stat',
  '/proc/swaps',
  '/proc/uptime',
  '/proc/loadavg',
  '/proc/slabinfo',
  '/proc/net/dev',
  '/proc/sys/kernel/ns_last_pid',
  '/proc/sys/crypto/fips_enabled',
];

/**
 * Refuse a mount over /proc that is no procfs, and nearly all mounts inside it: whoever
 * could put a file of theirs there would be asked for what the kernel should answer, and told
 * what only it should hear (CVE-2019-16884). Links are no way around: the launcher's
 * `check_mounts` says the same of where the mounts really came to lie.
 */
export function checkDestination(mount: Mount, procBinds: readonly string[]): void {
  const path = destinationOf(mount);
  if (path === '/') throw new Failure('a mount on / would cover the root; change root.path instead');
  if (path === '/proc') {
    if (isBind(mount) ? procBinds.includes(mount.destination) : mount.type === 'proc') return;
    throw new Failure(`${path} cannot be mounted because it is not of type proc`);
  }
  if (path.startsWith('/proc/') && !coverableProc.includes(path)) {
    throw new Failure(`${path} cannot be mounted because it is inside /proc`);
  }
}
