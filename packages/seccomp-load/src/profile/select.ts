import type { LinuxSeccomp, SeccompArch, SeccompSyscall } from '@ctr-tools/oci';
import { abis } from '../abi.ts';
import type { Condition, DockerProfile, DockerSyscall, Host } from './types.ts';

/** Whether a kernel (`6.18.44-fc`) is at least a version (`4.8`). */
export function kernelAtLeast(kernel: string, version: string): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  const [wantMajor = 0, wantMinor = 0] = version.split('.').map(Number);
  return major > wantMajor || (major === wantMajor && minor >= wantMinor);
}

/** All that is asked for holds: every capability, one of the architectures, the kernel. */
function included(c: Condition | null | undefined, host: Host): boolean {
  if (!c) return true;
  if (c.arches?.length && !c.arches.includes(abis.get(host.abi)!.docker)) return false;
  if (c.caps?.some((cap) => !host.caps.has(cap))) return false;
  return !c.minKernel || kernelAtLeast(host.kernel, c.minKernel);
}

/** Anything of it holds: one capability, the architecture, the kernel. */
function excluded(c: Condition | null | undefined, host: Host): boolean {
  if (!c) return false;
  if (c.arches?.includes(abis.get(host.abi)!.docker)) return true;
  if (c.caps?.some((cap) => host.caps.has(cap))) return true;
  return c.minKernel ? kernelAtLeast(host.kernel, c.minKernel) : false;
}

/** The rules whose conditions hold here. */
export const rulesFor = (profile: DockerProfile, host: Host): DockerSyscall[] =>
  (profile.syscalls ?? []).filter((rule) => !excluded(rule.excludes, host) && included(rule.includes, host));

/**
 * The OCI `linux.seccomp` that a Docker profile means here: its conditions decided, its map
 * of architectures looked up. As moby's `setupSeccomp` does it; like there, capabilities are
 * those of the container's bounding set.
 */
export function select(profile: DockerProfile, host: Host): LinuxSeccomp {
  const { archMap, syscalls: _, ...common } = profile;
  const native = abis.get(host.abi)!.scmp;
  const mapped = archMap?.find((entry) => entry.architecture === native);
  const architectures: SeccompArch[] | undefined = mapped
    ? [mapped.architecture, ...(mapped.subArchitectures ?? [])]
    : common.architectures;
  const syscalls = rulesFor(profile, host).map(
    ({ names, action, errnoRet, args }): SeccompSyscall => ({
      names,
      action,
      ...(errnoRet !== undefined && { errnoRet }),
      ...(args?.length && { args }),
    }),
  );
  return { ...common, ...(architectures?.length && { architectures }), syscalls };
}
