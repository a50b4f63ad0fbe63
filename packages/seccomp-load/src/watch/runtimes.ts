import type { SeccompArg } from '@ctr-tools/oci';
import type { DockerSyscall } from '../profile/types.ts';

/**
 * What container runtimes call between loading a filter and running the container's program,
 * by what they do. A filter that is loaded without no_new_privs has to come before the change
 * of user and the loss of capabilities, so these are among them. Found with strace(1) beside
 * ctr-run, runc 1.1 and crun 1.8, in containers with and without no_new_privs and terminal.
 */
const calls: readonly (readonly [what: string, names: string])[] = [
  ['the program', 'execve'],
  [
    'user and capabilities',
    'setgroups setgid setuid setresgid setresuid capget capset getpid getppid gettid',
  ],
  [
    'the program’s file, the working directory, who the user is, and descriptors that are not to be inherited',
    `open openat newfstatat stat fstat fstatfs statx faccessat faccessat2 readlinkat getdents64 chdir getcwd
     fchown fcntl close close_range read write`,
  ],
  ['word to the process outside', 'sendmsg recvmsg recvfrom poll ppoll'],
  [
    'Go’s runtime, which is runc’s',
    `futex epoll_ctl epoll_pwait nanosleep sched_yield mmap munmap mprotect madvise brk sigaltstack rt_sigaction
     rt_sigprocmask rt_sigreturn tgkill exit_group`,
  ],
]; // prettier-ignore

const masked = (value: number, valueTwo: number): SeccompArg => ({
  index: 0,
  value,
  valueTwo,
  op: 'SCMP_CMP_MASKED_EQ',
});

/** PR_SET_KEEPCAPS, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_CAP_AMBIENT (linux/prctl.h). */
const operations = [8, 23, 24, 47];

/** Threads, no namespaces (clone(2)). */
const NAMESPACES = 0x7e020000;

/** Rules for what runtimes need and a profile with these rules does not allow yet. */
export function runtimeRules(learned: readonly DockerSyscall[]): DockerSyscall[] {
  const always = new Set(learned.filter((rule) => !rule.args).flatMap((rule) => rule.names));
  const names = calls.flatMap(([, text]) => text.trim().split(/\s+/)).filter((name) => !always.has(name));
  const rules: DockerSyscall[] = [
    { names: names.sort(), action: 'SCMP_ACT_ALLOW' },
    ...operations.map((operation) => ({
      names: ['prctl'],
      action: 'SCMP_ACT_ALLOW' as const,
      args: [masked(0xffffffff, operation)],
    })),
    { names: ['clone'], action: 'SCMP_ACT_ALLOW', args: [masked(NAMESPACES, 0)] },
  ];
  const known = new Set(learned.map((rule) => JSON.stringify([rule.names, rule.args])));
  return rules
    .filter((rule) => rule.names.length > 0 && !known.has(JSON.stringify([rule.names, rule.args])))
    .map((rule) => ({ ...rule, comment: 'container runtimes, before they run the program' }));
}
