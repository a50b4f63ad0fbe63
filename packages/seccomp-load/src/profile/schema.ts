/**
 * The shape of a profile: OCI's `linux.seccomp` (config-linux.md, Seccomp) with what Docker and podman add to
 * it, older spellings among it (moby/profiles seccomp/seccomp_linux.go, containers/common pkg/seccomp/types.go).
 */
import { seccompActions, seccompArchs, seccompFlags } from '@ctr-tools/oci';
import { array, integer, object, oneOf, seccompArg, string, strings, text } from '@ctr-tools/oci/schema';
import type { Condition, DockerProfile, DockerSyscall } from './types.ts';

/** A rule as it may be written: one `name` (Docker before 1.12), an `errno` by name (podman). */
export interface WrittenSyscall extends Omit<DockerSyscall, 'names'> {
  names?: string[];
  name?: string;
  errno?: string;
}

export interface WrittenProfile extends Omit<DockerProfile, 'syscalls'> {
  defaultErrno?: string;
  syscalls?: WrittenSyscall[];
}

/** What is not known here may be a condition, without which a rule lets more through. */
const tellsUnknown = true;
const errno = integer(0, 0xffff);
const arch = oneOf(seccompArchs);

const condition = object<Condition>(
  { caps: strings, arches: strings, minKernel: text('a version like "4.8"', /^(\d+\.\d+)?$/) },
  [],
  { tellsUnknown },
);

const syscall = object<WrittenSyscall>(
  {
    names: strings,
    name: string,
    action: oneOf(seccompActions),
    errnoRet: errno,
    errno: string,
    args: array(seccompArg),
    comment: string,
    includes: condition,
    excludes: condition,
  },
  ['action'],
  { tellsUnknown },
);

export const profile = object<WrittenProfile>(
  {
    defaultAction: oneOf(seccompActions),
    defaultErrnoRet: errno,
    defaultErrno: string,
    architectures: array(arch),
    archMap: array(
      object<NonNullable<DockerProfile['archMap']>[number]>(
        { architecture: arch, subArchitectures: array(arch) },
        ['architecture'],
        { tellsUnknown },
      ),
    ),
    flags: array(oneOf(seccompFlags)),
    listenerPath: string,
    listenerMetadata: string,
    syscalls: array(syscall),
  },
  ['defaultAction'],
  { tellsUnknown },
);
