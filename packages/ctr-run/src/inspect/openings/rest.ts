import { type Facts, hasOwnMounts, inFirstUser } from '../facts.ts';
import type { Rule } from './rule.ts';

/** Whether a group has a limit on this, as far as one can see; in none there is none. */
function isLimited({ group }: Facts, name: string): boolean {
  const limit = group?.report.lines.find((line) => line.name === name)?.limit;
  return limit !== undefined && limit !== 'max';
}

const unlimited =
  (name: string) =>
  (facts: Facts): boolean =>
    facts.group !== undefined && !isLimited(facts, name);

export const filterRules: readonly Rule[] = [
  {
    id: 'no-filter',
    section: 'filter',
    weight: 10,
    what: 'no filter of system calls',
    attack:
      'tries every system call, and with it every hole that the kernel has (keyctl, userfaultfd, io_uring, bpf)',
    close: 'seccomp-load default',
    open: ({ seccomp }) => seccomp.mode === 'disabled',
  },
  {
    id: 'unconfined',
    section: 'label',
    weight: 4,
    what: 'no profile of AppArmor confines it',
    attack: 'is stopped by no second wall when the first has a hole: mounts, /proc, ptrace',
    close: 'aa-confine PROFILE',
    open: ({ labels }) => labels?.apparmor?.profile === 'unconfined',
  },
  {
    id: 'complains',
    section: 'label',
    weight: 4,
    what: 'its profile of AppArmor only complains',
    attack: 'does what it likes, and a log line says so',
    close: 'aa-confine --replace FILE without --complain',
    open: ({ labels }) => labels?.apparmor?.mode === 'complain',
  },
  {
    id: 'selinux-open',
    section: 'label',
    weight: 4,
    what: 'a type of SELinux that may do anything',
    attack: 'is stopped by no second wall when the first has a hole',
    close: 'aa-confine --selinux LABEL with the type container_t',
    open: ({ labels }) =>
      /:(unconfined_t|spc_t|unconfined_service_t|kernel_t|init_t)(:|$)/.test(labels?.selinux ?? ''),
  },
];

export const limitRules: readonly Rule[] = [
  {
    id: 'no-memory-limit',
    section: 'group',
    weight: 3,
    what: 'no limit on memory',
    attack: 'takes memory until the kernel kills programs of the machine',
    close: 'cg-limit --memory SIZE',
    open: unlimited('memory'),
  },
  {
    id: 'no-pids-limit',
    section: 'group',
    weight: 3,
    what: 'no limit on processes',
    attack: 'forks until nobody on the machine can start anything',
    close: 'cg-limit --pids-limit N',
    open: unlimited('pids'),
  },
  {
    id: 'no-cpu-limit',
    section: 'group',
    weight: 1,
    what: 'no limit on CPU time',
    attack: 'computes on all CPUs what its owner wants (mining)',
    close: 'cg-limit --cpus N',
    open: unlimited('cpu'),
  },
  {
    id: 'oom-protected',
    section: 'limits',
    weight: 2,
    what: 'it is killed later than others when memory is short',
    attack: 'takes memory, and others die for it',
    close: 'process.oomScoreAdj of 0 or more in the spec',
    open: ({ oomScoreAdj }) => (oomScoreAdj !== undefined && oomScoreAdj < 0 ? [String(oomScoreAdj)] : false),
  },
  {
    id: 'core-dumps',
    section: 'limits',
    weight: 1,
    what: 'its core is dumped without limit',
    attack: 'crashes it in a loop, and fills a disk of the machine or feeds its crash handler',
    close: 'ctr-run run --ulimit core=0',
    open: (facts) =>
      hasOwnMounts(facts) &&
      facts.limits.some(({ type, soft }) => type === 'RLIMIT_CORE' && soft === 'unlimited'),
  },
];

const seen = ({ descriptors }: Facts) => descriptors?.seen ?? [];
const names = (found: readonly { fd: number; target: string }[]): string[] =>
  found.map(({ fd, target }) => `${fd} ${target}`);
const LEAKS =
  /^(anon_inode:\[?(bpf|perf_event|seccomp notify|io_uring|userfaultfd|kvm|fscontext|mount)|\/dev\/kvm)/;
const closing = 'ctr-run closes all but those of --preserve-fds; exec N>&- in a shell';

export const descriptorRules: readonly Rule[] = [
  {
    id: 'directory-outside',
    section: 'descriptors',
    weight: 15,
    what: 'a directory beyond its own mounts is open',
    attack: 'walks from it with openat to any file of the machine that its user may (CVE-2024-21626)',
    close: closing,
    open: (facts) => names(seen(facts).filter((d) => d.outside && d.kind === 'directory')),
  },
  {
    id: 'cwd-outside',
    section: 'descriptors',
    weight: 15,
    what: 'its working directory lies beyond its own mounts',
    attack: 'walks from there by .. to any file of the machine that its user may (CVE-2024-21626)',
    close: 'ns-enter --root or --wdns; ctr-run refuses such a directory',
    open: ({ cwd }) => (cwd?.outside ? [cwd.path] : false),
  },
  {
    id: 'file-outside',
    section: 'descriptors',
    weight: 4,
    what: 'files beyond its own mounts are open',
    attack:
      'reads them, or writes them where they are open for that; /proc/self/exe of a runtime was such a file (CVE-2019-5736)',
    close: closing,
    // 0 to 2 are what it was given to talk to.
    open: (facts) => names(seen(facts).filter((d) => d.outside && d.kind === 'file' && d.fd > 2)),
  },
  {
    id: 'device-open',
    section: 'descriptors',
    weight: 12,
    what: 'a disk is open',
    attack: 'reads and changes the file system on it, whatever its device rules say',
    close: closing,
    open: (facts) => names(seen(facts).filter((d) => d.kind === 'block')),
  },
  {
    id: 'namespace-open',
    section: 'descriptors',
    weight: 6,
    what: 'namespaces are open',
    attack: 'with CAP_SYS_ADMIN joins them by setns(2)',
    close: closing,
    open: (facts) =>
      names(seen(facts).filter((d) => /^(mnt|net|pid|ipc|uts|user|cgroup|time):\[/.test(d.target))),
  },
  {
    id: 'kernel-objects',
    section: 'descriptors',
    weight: 2,
    what: 'objects of the kernel with much power are open',
    attack: 'goes on using what it could not open itself',
    close: closing,
    open: (facts) => (inFirstUser(facts) ? names(seen(facts).filter((d) => LEAKS.test(d.target))) : false),
  },
  {
    id: 'terminal',
    section: 'descriptors',
    weight: 3,
    what: 'it has a terminal of the machine, which takes input from it',
    attack: 'types commands into the shell from which it was started (TIOCSTI)',
    close: 'ctr-run run --tty gives it one of its own; sysctl dev.tty.legacy_tiocsti=0',
    open: (facts) =>
      facts.tiocsti
        ? names(
            seen(facts).filter(
              (d) => d.outside && d.kind === 'character' && /^\/dev\/(pts\/|tty)/.test(d.target),
            ),
          )
        : false,
  },
];
