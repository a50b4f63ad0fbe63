import type { SeccompArg } from '@ctr-tools/oci';
import { ENOSYS } from './errno.ts';
import type { DockerProfile, DockerSyscall } from './profile/types.ts';

/**
 * The default profile: an allow list; what it does not name fails with EPERM, and with ENOSYS
 * if it is newer than all that it names. It allows what an ordinary program needs and what the
 * kernel itself checks against namespaces and capabilities. Refused is what acts on the whole
 * machine, what opens rarely used and often broken parts of the kernel, and what would undo
 * the container. With a capability in the bounding set come the calls that the capability is
 * for: whoever grants CAP_SYS_ADMIN wants mount(2).
 *
 * The mark is Docker's profile (moby/profiles, seccomp/default_linux.go as of July 2026):
 * test/default-profile.test.ts holds this one to the same answers, but for socketcall.
 */

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Why a group is allowed, and its calls. */
const ordinary: readonly (readonly [why: string, calls: string])[] = [
  [
    'files by descriptor: nothing beyond what open gave',
    `read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek close close_range
     dup dup2 dup3 fcntl fcntl64 flock fsync fdatasync sync syncfs sync_file_range ftruncate ftruncate64
     fallocate fadvise64 fadvise64_64 readahead copy_file_range sendfile sendfile64 splice tee vmsplice
     ioctl pipe pipe2 cachestat`,
  ],
  [
    'paths: the mount namespace, file modes and LSMs decide',
    `open openat openat2 creat access faccessat faccessat2 stat stat64 lstat lstat64 fstat fstat64 fstatat64
     newfstatat statx statfs statfs64 fstatfs fstatfs64 readlink readlinkat getdents getdents64 getcwd chdir
     fchdir mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat
     truncate truncate64 umask chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown
     lchown32 utime utimes futimesat utimensat utimensat_time64 mknod mknodat name_to_handle_at`,
  ],
  [
    'extended attributes: the trusted and security names need capabilities',
    `getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat listxattr llistxattr
     flistxattr listxattrat removexattr lremovexattr fremovexattr removexattrat`,
  ],
  ['what is mounted in its own namespace, read only', 'listmount statmount'],
  [
    'watching files: fanotify_mark is useless without fanotify_init, which needs CAP_SYS_ADMIN below',
    'inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark',
  ],
  [
    'waiting for descriptors',
    `select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create epoll_create1 epoll_ctl
     epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4
     timerfd_create timerfd_settime timerfd_settime64 timerfd_gettime timerfd_gettime64`,
  ],
  [
    'the old asynchronous I/O. io_uring is left out: it carries out calls that no filter sees, and was the ' +
      'source of most of the kernel holes exploited in its time',
    'io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64',
  ],
  [
    'its own memory. memfd_secret and mseal only take rights away',
    `brk mmap mmap2 munmap mremap remap_file_pages mprotect madvise msync mincore mlock mlock2 mlockall munlock
     munlockall memfd_create memfd_secret mseal membarrier pkey_alloc pkey_free pkey_mprotect map_shadow_stack
     process_mrelease`,
  ],
  [
    'processes and threads of its own PID namespace; making namespaces is clone, below',
    `fork vfork execve execveat exit exit_group wait4 waitid waitpid getpid getppid gettid getpgid getpgrp
     getsid setpgid setsid set_tid_address set_robust_list get_robust_list set_thread_area get_thread_area
     futex futex_time64 futex_wait futex_wake futex_waitv futex_requeue rseq restart_syscall pidfd_open
     pidfd_send_signal prctl`,
  ],
  [
    'signals: the kernel checks who may send to whom',
    `kill tkill tgkill rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
     rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn pause alarm
     getitimer setitimer`,
  ],
  [
    'identities: changing them needs capabilities, giving them up must always work',
    `getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid
     getresgid32 getgroups getgroups32 setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32
     setresuid setresuid32 setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32 setgroups
     setgroups32 capget capset`,
  ],
  [
    'limits and scheduling of its own processes',
    `getrlimit ugetrlimit setrlimit prlimit64 getrusage getpriority setpriority ioprio_get ioprio_set getcpu
     sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
     sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min
     sched_rr_get_interval sched_rr_get_interval_time64`,
  ],
  [
    'clocks: adjtimex only reads without CAP_SYS_TIME, and many libraries read with it',
    `time gettimeofday times clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep
     clock_nanosleep_time64 nanosleep adjtimex clock_adjtime clock_adjtime64 timer_create timer_delete
     timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64`,
  ],
  [
    'sockets once they exist; which may be made is below',
    `socketpair bind connect listen accept accept4 getsockname getpeername getsockopt setsockopt shutdown
     send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64`,
  ],
  [
    'System V and POSIX IPC: the IPC namespace is the boundary',
    `semget semop semctl semtimedop semtimedop_time64 shmget shmat shmdt shmctl msgget msgsnd msgrcv msgctl ipc
     mq_open mq_unlink mq_notify mq_getsetattr mq_timedsend mq_timedsend_time64 mq_timedreceive
     mq_timedreceive_time64`,
  ],
  [
    'sandboxes of its own: they only take rights away',
    'seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self',
  ],
  ['asking about the machine', 'uname sysinfo getrandom riscv_hwprobe'],
  ['what the kernel makes a probed program call: refused, a tracer outside would kill it', 'uretprobe'],
];

/** Calls that come with a capability. Docker's pairs, and all calls of each capability together. */
const withCapability: readonly (readonly [capability: string, calls: string])[] = [
  ['CAP_DAC_READ_SEARCH', 'open_by_handle_at'],
  [
    'CAP_SYS_ADMIN',
    `mount umount umount2 mount_setattr move_mount open_tree fsopen fspick fsconfig fsmount clone clone3 unshare
     setns sethostname setdomainname bpf perf_event_open fanotify_init lookup_dcookie quotactl quotactl_fd
     syslog lsm_get_self_attr lsm_set_self_attr lsm_list_modules`,
  ],
  ['CAP_SYS_BOOT', 'reboot'],
  ['CAP_SYS_CHROOT', 'chroot'],
  ['CAP_SYS_MODULE', 'init_module finit_module delete_module'],
  ['CAP_SYS_PACCT', 'acct'],
  ['CAP_SYS_PTRACE', 'ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd'],
  ['CAP_SYS_RAWIO', 'iopl ioperm'],
  ['CAP_SYS_TIME', 'settimeofday stime clock_settime clock_settime64'],
  ['CAP_SYS_TTY_CONFIG', 'vhangup'],
  ['CAP_SYS_NICE', 'mbind get_mempolicy set_mempolicy set_mempolicy_home_node'],
  ['CAP_SYSLOG', 'syslog'],
  ['CAP_BPF', 'bpf'],
  ['CAP_PERFMON', 'perf_event_open'],
];

/** Calls of one processor, by Docker's names of architectures. */
const ofArchitecture: readonly (readonly [arches: string, calls: string])[] = [
  ['arm arm64', 'arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls'],
  ['amd64 x32', 'arch_prctl'],
  ['amd64 x32 x86', 'modify_ldt'],
  ['riscv64', 'riscv_flush_icache'],
];

/** The last address family of `linux/socket.h` (AF_MCTP). */
const LAST_FAMILY = 45;

/** Address families that socket(2) may not open, and why. */
export const refusedFamilies: ReadonlyMap<number, string> = new Map([
  [12, 'AF_DECnet: gone since Linux 6.1'],
  [19, 'AF_ECONET: gone since Linux 3.5'],
  [20, 'AF_ATMSVC: gone since Linux 7.2'],
  [23, 'AF_IRDA: gone since Linux 4.17'],
  [25, 'AF_WANPIPE: never was'],
  [34, 'AF_ISDN: gone since Linux 7.1'],
  [37, 'AF_CAIF: gone since Linux 7.1'],
  [38, 'AF_ALG: the kernel’s cryptography as a socket, wide open to holes and needed by next to nobody'],
  [40, 'AF_VSOCK: reaches the hypervisor and other machines past the network namespace'],
]);

const argument = (index: number, op: SeccompArg['op'], value: number, valueTwo = 0): SeccompArg => ({
  index,
  value,
  ...(op === 'SCMP_CMP_MASKED_EQ' && { valueTwo }),
  op,
});

const allow = (names: string[], rest: Partial<DockerSyscall> = {}): DockerSyscall => ({
  names,
  action: 'SCMP_ACT_ALLOW',
  ...rest,
});

/**
 * 32-bit programs can make sockets by socketcall(2) as well, whose arguments lie in memory, where no filter
 * sees the family: so they have to take socket(2) and its kin, which they can since Linux 4.3. ENOSYS sends a C
 * library there that knows both ways (musl). It is another errno than the default's because of libseccomp,
 * which allows socketcall(SYS_SOCKET) with each rule that allows socket: only a rule for socketcall itself
 * keeps it from that, and runtimes pass over rules that say what the default says.
 */
const noSocketcall: DockerSyscall = {
  comment: 'its arguments lie in memory, unseen: 32-bit programs take socket and its kin',
  names: ['socketcall'],
  action: 'SCMP_ACT_ERRNO',
  errnoRet: ENOSYS,
};

/**
 * One rule for each family, but for the first run, which is one comparison. Two comparisons
 * of one argument in one rule would be alternatives (runc issue 2735), so a run in the middle
 * cannot be one rule. All 64 bits are compared: what a program leaves in the upper half of the
 * register, which the kernel would not see, does not get it past the filter.
 */
function sockets(): DockerSyscall[] {
  const first = Math.min(...refusedFamilies.keys());
  const rules = [allow(['socket'], { args: [argument(0, 'SCMP_CMP_LT', first)] })];
  for (let family = first + 1; family <= LAST_FAMILY; family++)
    if (!refusedFamilies.has(family))
      rules.push(allow(['socket'], { args: [argument(0, 'SCMP_CMP_EQ', family)] }));
  return rules;
}

/**
 * Personalities (`linux/personality.h`): Linux, Linux with 32-bit uname, BSD's of old, both, and
 * asking. Others switch protections off (ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC).
 */
const personalities = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

/** clone(2) flags that make namespaces: mount, cgroup, UTS, IPC, user, PID, network. */
const NEW_NAMESPACES = 0x7e020000;

/** The default profile in Docker's format, for every architecture. Do not change it. */
export const defaultProfile: DockerProfile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: 1,
  archMap: [
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] },
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
    { architecture: 'SCMP_ARCH_RISCV64' },
  ],
  syscalls: [
    noSocketcall,
    ...ordinary.map(([comment, calls]) => allow(words(calls), { comment })),
    ...sockets(),
    ...personalities.map((p) => allow(['personality'], { args: [argument(0, 'SCMP_CMP_EQ', p)] })),
    allow(words('ptrace process_vm_readv process_vm_writev'), {
      comment: 'before Linux 4.8 a tracer could get past the filter (CVE-2019-2054 and its kin)',
      includes: { minKernel: '4.8' },
    }),
    allow(['clone'], {
      comment: 'a new process, but no new namespaces; whoever has CAP_SYS_ADMIN may make them',
      args: [argument(0, 'SCMP_CMP_MASKED_EQ', NEW_NAMESPACES, 0)],
      excludes: { caps: ['CAP_SYS_ADMIN'] },
    }),
    {
      comment: 'its flags lie in memory, unseen: without it the C library takes clone',
      names: ['clone3'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: ENOSYS,
      excludes: { caps: ['CAP_SYS_ADMIN'] },
    },
    ...withCapability.map(([cap, calls]) => allow(words(calls), { includes: { caps: [cap] } })),
    ...ofArchitecture.map(([arches, calls]) => allow(words(calls), { includes: { arches: words(arches) } })),
  ],
};
