import { ownPid, readLink, readText } from '@ctr-tools/host';

/**
 * The caller, whose PID is `pid` to itself, as this /proc numbers it. Who has joined a PID namespace
 * and kept /proc has one of another namespace; there the planner's parent is the caller, whatever
 * both are called (pid_namespaces(7), "/proc and PID namespaces").
 */
export function callerPid(pid: number): number {
  if (Number(readLink('/proc/self')) === ownPid()) return pid;
  const [, parent] = /^PPid:\s+(\d+)$/m.exec(readText('/proc/self/status')) ?? [];
  return Number(parent ?? pid);
}
