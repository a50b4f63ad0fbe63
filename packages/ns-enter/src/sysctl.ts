/** Kernel parameters that belong to a namespace and may be set for a container (sysctl(8), proc_sys_kernel(5)). */
import { Failure } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { type AnyStep, step } from '@ctr-tools/plan';
import { type Kind, optionOf } from './kinds.ts';

/** ipc_namespaces(7), "which are distinct in each IPC namespace". */
const ipc = new Set([
  'kernel.auto_msgmni',
  'kernel.msg_next_id',
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.sem_next_id',
  'kernel.shm_next_id',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]);

/**
 * A parameter's path below /proc/sys. Names are written with dots or with slashes; whichever
 * comes first separates, and the other then stands for the other (sysctl.d(5)):
 * `net.ipv4.conf.eth0/100.rp_filter` is that of the interface `eth0.100`.
 */
export function sysctlPath(name: string): string {
  const first = /[./]/.exec(name)?.[0];
  if (first === '/') return name;
  return name.replace(/[./]/g, (c) => (c === '.' ? '/' : '.'));
}

/** The namespace that a parameter belongs to, or undefined where it is the whole machine's. */
export function kindOfSysctl(name: string): Kind | undefined {
  const path = sysctlPath(name);
  const dotted = path.replaceAll('/', '.');
  if (path.startsWith('net/')) return 'network';
  if (path.startsWith('fs/mqueue/') || ipc.has(dotted)) return 'ipc';
  if (dotted === 'kernel.domainname' || dotted === 'kernel.hostname') return 'uts';
  if (path.startsWith('user/')) return 'user';
  return undefined;
}

/** Steps that set `linux.sysctl`. Refused is what would change the host (as runc's validation does). */
export function sysctlSteps(spec: Spec, has: (kind: Kind) => boolean): AnyStep[] {
  return Object.entries(spec.linux?.sysctl ?? {}).map(([name, value]) => {
    const path = sysctlPath(name);
    if (path.split('/').some((part) => part === '..' || part === '.' || part === ''))
      throw new Failure(`linux.sysctl: "${name}" is not a parameter's name`);
    const kind = kindOfSysctl(name);
    if (!kind)
      throw new Failure(
        `linux.sysctl: ${name} belongs to the whole machine and to no namespace; set it on the host`,
      );
    if (!has(kind))
      throw new Failure(
        `linux.sysctl: ${name} would change the host, as there is no ${optionOf(kind)} namespace of its own; add one (--new ${optionOf(kind)})`,
      );
    if (path === 'kernel/hostname')
      throw new Failure(
        'linux.sysctl: set the host name by hostname, not by kernel.hostname, so that both cannot differ',
      );
    return step('sysctl', 'proc_write', { path: `sys/${path}`, data: value }, `set ${name} to "${value}"`, {
      hints: {
        ENOENT: 'this kernel has no such parameter, or its module is not loaded',
        EINVAL: 'the kernel does not take this value',
        EACCES: 'the parameter can only be read here',
      },
    });
  });
}
