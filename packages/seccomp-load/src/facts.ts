/** What a filter's loading has to know of the machine and the process: all that a container's start asks. */

import { Failure, type Host } from '@ctr-tools/cli';
import { arch, readText } from '@ctr-tools/host';
import type { LinuxSeccomp } from '@ctr-tools/oci';
import { capabilitiesAfter, slot, type Template, template } from '@ctr-tools/plan';
import { callerPid, kernelRelease, type ProcessStatus, readStatus } from '@ctr-tools/sys/proc';
import { type AbiName, nativeAbi } from './abi.ts';

export interface SeccompFacts {
  /** `apply`: the command of a chain. `amend`: a spec in a pipe. `oci`: a container's process. */
  mode: 'apply' | 'amend' | 'oci';
  native: AbiName;
  /** `uname -r` */
  kernel: string;
  /** The options' profiles, for this machine; `undefined` for none. */
  profiles: readonly (LinuxSeccomp | undefined)[];
  /** The first profile's filter, where that is the default profile and lies compiled. */
  stock?: Uint8Array;
  /** What this kernel's filters may answer, as it spells them; undefined where it does not say. */
  actions?: ReadonlySet<string>;
  /** Whether the process may load a filter without no_new_privs: it has CAP_SYS_ADMIN, or no_new_privs already. */
  privileged: boolean;
  /** OCI state for the listener's socket, the PID a slot. */
  state: Template;
}

/** The ABI of this machine. Throws a `Failure` on one that there is no table for. */
export function machine(): AbiName {
  const native = nativeAbi();
  if (!native) throw new Failure(`seccomp filters for the processor ${arch} cannot be compiled yet`);
  return native;
}

/** Of the process that becomes the command, after the links before this one. */
export const statusOf = (host: Host): ProcessStatus =>
  capabilitiesAfter(readStatus(callerPid(host.pid)), host.earlier ?? []);

const SYS_ADMIN = 1n << 21n;

/** The actions that this kernel knows (Linux 4.14 and later say so). */
export function availableActions(): ReadonlySet<string> | undefined {
  try {
    return new Set(readText('/proc/sys/kernel/seccomp/actions_avail').trim().split(/\s+/));
  } catch {
    return undefined;
  }
}

export function stateOf(host: Host): Template {
  if (host.container) return host.container.state('creating');
  const rest = JSON.stringify({ bundle: host.cwd, annotations: {} }).slice(1);
  return template`{"ociVersion":"1.2.0","id":"seccomp-load-${host.pid}","status":"creating","pid":${slot('child.pid')},${rest}`;
}

/** Whether a process may load a filter as it is. */
export const isPrivileged = ({ effective, noNewPrivs }: ProcessStatus): boolean =>
  (effective & SYS_ADMIN) !== 0n || noNewPrivs;

/** The impure step for a container's process, whose spec says all else. */
export function containerFacts(host: Host): SeccompFacts {
  const actions = availableActions();
  return {
    mode: 'oci',
    native: machine(),
    kernel: kernelRelease(),
    profiles: [],
    ...(actions && { actions }),
    // Whether no_new_privs is set is for the spec to say.
    privileged: false,
    state: stateOf(host),
  };
}
