/** Labels of processes, as the kernel tells them in /proc/PID/attr (proc_pid_attr(5)). */

import { errorCode, readText } from '@ctr-tools/host';
import type { Modules } from './modules.ts';

export interface Labels {
  apparmor?: { profile: string; mode?: string };
  selinux?: string;
}

/** `docker-default (enforce)`, `unconfined`, `a//&b (enforce)`. */
export function parseLabel(text: string): { profile: string; mode?: string } {
  const plain = text.replace(/[\0\n]+$/, '');
  const [, profile, mode] = /^(.*) \((\w+)\)$/s.exec(plain) ?? [];
  return profile === undefined ? { profile: plain } : { profile, mode: mode! };
}

/** Throws a `SystemError` where the process is gone or not ours to ask. */
export function readLabels(pid: number, { apparmor, selinux }: Modules): Labels {
  return {
    ...(apparmor && { apparmor: parseLabel(readApparmor(pid)) }),
    ...(selinux && { selinux: readText(`/proc/${pid}/attr/current`).replace(/[\0\n]+$/, '') }),
  };
}

/** Before Linux 5.8 all modules shared attr/current, and AppArmor answers there if it is the first. */
function readApparmor(pid: number): string {
  try {
    return readText(`/proc/${pid}/attr/apparmor/current`);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return readText(`/proc/${pid}/attr/current`);
  }
}
