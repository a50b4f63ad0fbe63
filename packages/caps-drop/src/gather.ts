import type { Host } from '@ctr-tools/cli';
import { exists, readText } from '@ctr-tools/host';
import type { Spec } from '@ctr-tools/oci';
import { capabilitiesAfter } from '@ctr-tools/plan';
import { callerPid, readStatus } from '@ctr-tools/sys/proc';
import { type Identity, ownEnvironment, resolveIdentity } from './identity.ts';
import type { CapsOptions } from './options.ts';
import { lastCapability, type Privileges } from './privileges.ts';

export interface CapsFacts {
  /**
   * `apply`: the command of a chain, which keeps what no option changes. `amend`: a spec on
   * its way through a pipe. `oci`: a container's process, which gets what its spec says.
   */
  mode: 'apply' | 'amend' | 'oci';
  /** The last capability that this kernel knows. */
  last: number;
  /** What the process that becomes the command has now. */
  current: Privileges;
  /** The IDs that the options ask for. */
  identity: Identity;
  securebits?: number;
  /** Whether setgroups(2) is denied for good in the user namespace that we are in. */
  setgroupsDenied: boolean;
  /** `--reset-env`: the variables of the command's own user. */
  environment?: readonly string[];
}

/** The impure step: the caller's own privileges, the kernel's newest capability, names of users. */
export function gatherCaps(options: CapsOptions | undefined, spec: Spec, host: Host): CapsFacts {
  const mode = options ? (options.applies ? 'apply' : 'amend') : 'oci';
  const current = capabilitiesAfter(readStatus(callerPid(host.pid)), host.earlier ?? []);
  const present = mode === 'amend' ? (spec.process?.user?.gid ?? 0) : current.gids[1]!;
  const service = host.installed ? 'files' : 'machine';
  const identity = options ? resolveIdentity(options.identity, present, service) : {};
  const uid = identity.uid ?? current.uids[0]!;
  return {
    mode,
    last: lastCapability(),
    current,
    identity,
    ...(options?.securebits !== undefined && { securebits: options.securebits }),
    ...(options?.resetEnv && { environment: ownEnvironment(uid, host.env.get('TERM'), service) }),
    setgroupsDenied: setgroupsDenied(),
  };
}

/** user_namespaces(7), "The /proc/pid/setgroups file"; the planner is in the caller's namespace. */
function setgroupsDenied(): boolean {
  const path = '/proc/self/setgroups';
  return exists(path) && readText(path).trim() === 'deny';
}
