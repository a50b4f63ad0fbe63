// Made by scripts/gen-tables.ts from linux-libc-dev 7.3.4-1~bpo13+1. Do not edit.

/** Names that only architectures without a table here know (mips, powerpc, s390 …): no typing mistakes. */
export const elsewhere =
  'arc_gettls arc_settls arc_usr_cmpxchg atomic_barrier atomic_cmpxchg_32 dipc exec_with_loader ' +
  'execv getdomainname getdtablesize gethostname getpagesize getxgid getxpid getxuid kern_features ' +
  'llseek memory_ordering multiplexer old_adjtimex oldumount osf_adjtime osf_afs_syscall ' +
  'osf_alt_plock osf_alt_setsid osf_alt_sigpending osf_asynch_daemon osf_audcntl osf_audgen ' +
  'osf_chflags osf_execve osf_exportfs osf_fchflags osf_fdatasync osf_fpathconf osf_fstat ' +
  'osf_fstatfs osf_fstatfs64 osf_fuser osf_getaddressconf osf_getdirentries osf_getdomainname ' +
  'osf_getfh osf_getfsstat osf_gethostid osf_getitimer osf_getlogin osf_getmnt osf_getrusage ' +
  'osf_getsysinfo osf_gettimeofday osf_kloadcall osf_kmodcall osf_lstat osf_memcntl osf_mincore ' +
  'osf_mount osf_mremap osf_msfs_syscall osf_msleep osf_mvalid osf_mwakeup osf_naccept osf_nfssvc ' +
  'osf_ngetpeername osf_ngetsockname osf_nrecvfrom osf_nrecvmsg osf_nsendmsg osf_ntp_adjtime ' +
  'osf_ntp_gettime osf_old_creat osf_old_fstat osf_old_getpgrp osf_old_killpg osf_old_lstat ' +
  'osf_old_open osf_old_sigaction osf_old_sigblock osf_old_sigreturn osf_old_sigsetmask ' +
  'osf_old_sigvec osf_old_stat osf_old_vadvise osf_old_vtrace osf_old_wait osf_oldquota ' +
  'osf_pathconf osf_pid_block osf_pid_unblock osf_plock osf_priocntlset osf_profil ' +
  'osf_proplist_syscall osf_reboot osf_revoke osf_sbrk osf_security osf_select ' +
  'osf_set_program_attributes osf_set_speculative osf_sethostid osf_setitimer osf_setlogin ' +
  'osf_setsysinfo osf_settimeofday osf_signal osf_sigprocmask osf_sigsendset osf_sigstack ' +
  'osf_sigwaitprim osf_sstk osf_stat osf_statfs osf_statfs64 osf_subsys_info osf_swapctl osf_swapon ' +
  'osf_syscall osf_sysinfo osf_table osf_uadmin osf_usleep_thread osf_uswitch osf_utc_adjtime ' +
  'osf_utc_gettime osf_utimes osf_utsname osf_wait4 osf_waitid perfctr rtas s390_guarded_storage ' +
  's390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr s390_sthyi sched_get_affinity ' +
  'sched_set_affinity sethae setpgrp spu_create spu_run subpage_prot swapcontext switch_endian ' +
  'sys_debug_setcontext syscall timerfd utrap_install';
