/** For `ctr-run harden`: a container whose calls are all learned, and profiles of several runs as one. */
import type { LinuxSeccomp, SeccompArch } from '@ctr-tools/oci';
import { abis, abisOf, table } from './abi.ts';
import { machine } from './facts.ts';
import { merge } from './profile/merge.ts';
import type { DockerProfile } from './profile/types.ts';

/**
 * The section that has `socket` asked about every call that has a name, which is let through. By name, for a spec may
 * not ask by default (config-linux.md, Seccomp).
 */
export function learningSection(socket: string): LinuxSeccomp {
  const guests = abisOf(machine());
  const names = new Set(guests.flatMap((abi) => [...table(abi).numbers.keys()]));
  return {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: guests.map((abi) => abis.get(abi)!.scmp as SeccompArch),
    listenerPath: socket,
    syscalls: [{ names: [...names].sort(), action: 'SCMP_ACT_NOTIFY' }],
  };
}

/** The words by which `seccomp-load` is the agent of such a socket (`meeting(directory)` of packages/cli). */
export const learningAgent = (out: string, directory: string, runtimes: boolean): string[] => [
  '--learn',
  out,
  ...(runtimes ? ['--container'] : []),
  '--socket',
  `${directory}/`,
];

/** A profile that was learned as a section of a spec, which has no comments (config-linux.md, Seccomp). */
export const asSection = ({ syscalls = [], ...rest }: DockerProfile): LinuxSeccomp =>
  ({ ...rest, syscalls: syscalls.map(({ comment: _, ...rule }) => rule) }) as LinuxSeccomp;

/** One section that permits what any of these permits. */
export const mergedSections = (sections: readonly LinuxSeccomp[], names: readonly string[]): LinuxSeccomp =>
  merge(sections as readonly DockerProfile[], names) as LinuxSeccomp;
