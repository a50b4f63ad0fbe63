/** What a person can do when the kernel refuses (clone(2), unshare(2), setns(2), ERRORS). */
import type { Facts } from '../facts.ts';
import { fileOf, type Kind } from '../kinds.ts';

export function createHints(create: readonly Kind[], facts: Facts): Record<string, string> {
  const user = create.includes('user');
  return {
    EPERM: user
      ? 'user namespaces are not allowed to you: see /proc/sys/user/max_user_namespaces, kernel.unprivileged_userns_clone (Debian) and kernel.apparmor_restrict_unprivileged_userns (Ubuntu); inside a chroot none can be made'
      : `it takes CAP_SYS_ADMIN; without root add a user namespace, as --map-root-user does (you are UID ${facts.caller.uid})`,
    EACCES: 'a security module forbids it (kernel.apparmor_restrict_unprivileged_userns on Ubuntu)',
    ENOSPC: 'a limit in /proc/sys/user/max_*_namespaces is reached, or namespaces are nested 32 deep',
    EUSERS: 'namespaces are nested 32 deep',
    EINVAL: unknownKinds(create),
    ENOMEM:
      'there is no memory, or the PID namespace has no first process any more and takes no other (pid_namespaces(7))',
    EAGAIN: 'a limit on processes is reached (ulimit -u, pids.max of the cgroup)',
    EBUSY:
      'the cgroup cannot take processes: a group of cgroup v2 with controllers enabled for its children has none of its own',
    EOPNOTSUPP: 'the cgroup is of a type that cannot take the process (cgroup.type is "domain invalid")',
  };
}

function unknownKinds(create: readonly Kind[]): string {
  if (create.length === 0) return 'the cgroup cannot be entered';
  const names = create.map(fileOf).join(', ');
  const lacks = create.length === 1 ? `has no ${names} namespaces` : `lacks one of the kinds ${names}`;
  return `this kernel ${lacks}; ls /proc/self/ns shows those that it has`;
}

export function joinHints(joins: readonly Kind[], facts: Facts): Record<string, string> {
  const pid = joins.includes('pid')
    ? '; a PID namespace can be joined only if it lies below the own one'
    : joins.includes('user')
      ? '; a user namespace can be joined only if it is another than the own one'
      : '';
  return {
    EPERM:
      facts.caller.effective === 0n
        ? 'it takes CAP_SYS_ADMIN in the user namespace that owns it: become root, or join that user namespace too (--user)'
        : 'it takes CAP_SYS_ADMIN in the user namespace that owns it; a user namespace can be joined by its owner or root of one above',
    EINVAL: `not a namespace of that kind, or one that cannot be joined from here${pid}`,
    ESRCH: 'the process has ended',
    EUSERS: 'namespaces are nested 32 deep',
    ENOMEM: 'a PID namespace whose first process has ended takes no new ones',
  };
}
