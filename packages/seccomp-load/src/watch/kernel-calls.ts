import type { DockerSyscall } from '../profile/types.ts';

/**
 * Calls that a program makes because of what others do to it, so that a run in which nobody did it does not show
 * them. A filter sees them like any other; who refuses them has a program that dies of being stopped or traced.
 */
const calls: readonly (readonly [when: string, names: readonly string[]])[] = [
  // restart_syscall(2): after a stop or a tracer's look a call with a timeout is continued by it.
  ['after a stop', ['restart_syscall']],
  // sigreturn(2): the way back from a handler, which the kernel put there.
  ['after a signal handler', ['rt_sigreturn', 'sigreturn']],
  // A run that a signal ended has not called them.
  ['at the end', ['exit', 'exit_group']],
  // Linux 6.11 to 6.13 ask filters about the return probe of a tracer outside.
  ['under a probe', ['uretprobe']],
];

export const kernelCalls: ReadonlySet<string> = new Set(calls.flatMap(([, names]) => names));

/** The rule that every learned profile has. */
export const kernelRule: DockerSyscall = {
  names: [...kernelCalls].sort(),
  action: 'SCMP_ACT_ALLOW',
  comment: `the kernel's own, seen or not: ${calls.map(([when]) => when).join(', ')}`,
};
