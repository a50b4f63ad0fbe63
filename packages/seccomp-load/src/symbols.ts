import { CLONE, MS, SIGNALS } from '@ctr-tools/sys/constants';

/**
 * Numbers behind the names that people write in a call, as in `openat(AT_FDCWD, "x", O_RDONLY)`.
 * Those that differ between architectures (O_DIRECTORY on arm, for one) are x86's.
 */
const families =
  'UNSPEC UNIX INET AX25 IPX APPLETALK NETROM BRIDGE ATMPVC X25 INET6 ROSE DECnet NETBEUI SECURITY KEY NETLINK PACKET ' +
  'ASH ECONET ATMSVC RDS SNA IRDA PPPOX WANPIPE LLC IB MPLS CAN TIPC BLUETOOTH IUCV RXRPC ISDN PHONET IEEE802154 ' +
  'CAIF ALG NFC VSOCK KCM QIPCRTR SMC XDP MCTP';

const listed: Record<string, number> = {
  NULL: 0,
  // fcntl.h
  AT_FDCWD: -100,
  AT_SYMLINK_NOFOLLOW: 0x100,
  AT_REMOVEDIR: 0x200,
  AT_SYMLINK_FOLLOW: 0x400,
  AT_EMPTY_PATH: 0x1000,
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_NOCTTY: 0o400,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
  O_NONBLOCK: 0o4000,
  O_DIRECTORY: 0o200000,
  O_NOFOLLOW: 0o400000,
  O_CLOEXEC: 0o2000000,
  O_PATH: 0o10000000,
  // sys/socket.h
  AF_LOCAL: 1,
  AF_ROUTE: 16,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_RAW: 3,
  SOCK_SEQPACKET: 5,
  SOCK_PACKET: 10,
  SOCK_NONBLOCK: 0o4000,
  SOCK_CLOEXEC: 0o2000000,
  IPPROTO_ICMP: 1,
  IPPROTO_TCP: 6,
  IPPROTO_UDP: 17,
  IPPROTO_RAW: 255,
  NETLINK_ROUTE: 0,
  NETLINK_AUDIT: 9,
  NETLINK_GENERIC: 16,
  // sys/mman.h
  PROT_NONE: 0,
  PROT_READ: 1,
  PROT_WRITE: 2,
  PROT_EXEC: 4,
  MAP_SHARED: 1,
  MAP_PRIVATE: 2,
  MAP_FIXED: 0x10,
  MAP_ANONYMOUS: 0x20,
  MAP_STACK: 0x20000,
  // linux/sched.h, besides the namespaces
  CLONE_VM: 0x100,
  CLONE_FS: 0x200,
  CLONE_FILES: 0x400,
  CLONE_SIGHAND: 0x800,
  CLONE_PIDFD: 0x1000,
  CLONE_PTRACE: 0x2000,
  CLONE_VFORK: 0x4000,
  CLONE_THREAD: 0x10000,
  CLONE_SYSVSEM: 0x40000,
  CLONE_SETTLS: 0x80000,
  CLONE_PARENT_SETTID: 0x100000,
  CLONE_CHILD_CLEARTID: 0x200000,
  CLONE_UNTRACED: 0x800000,
  CLONE_CHILD_SETTID: 0x1000000,
  CLONE_IO: 0x80000000,
  // linux/personality.h
  PER_LINUX: 0,
  PER_LINUX32: 8,
  UNAME26: 0x20000,
  ADDR_NO_RANDOMIZE: 0x40000,
  READ_IMPLIES_EXEC: 0x400000,
  // asm-generic/ioctls.h
  TCGETS: 0x5401,
  TIOCSTI: 0x5412,
  TIOCGWINSZ: 0x5413,
  TIOCLINUX: 0x541c,
  FIONREAD: 0x541b,
  // sys/prctl.h
  PR_SET_PDEATHSIG: 1,
  PR_SET_DUMPABLE: 4,
  PR_SET_NAME: 15,
  PR_SET_SECCOMP: 22,
  PR_SET_NO_NEW_PRIVS: 38,
  // linux/bpf.h, linux/keyctl.h, linux/seccomp.h
  BPF_MAP_CREATE: 0,
  BPF_PROG_LOAD: 5,
  KEYCTL_JOIN_SESSION_KEYRING: 1,
  KEYCTL_READ: 11,
  SECCOMP_SET_MODE_FILTER: 1,
  // sys/stat.h
  S_IFREG: 0o100000,
  S_IFCHR: 0o020000,
  S_IFBLK: 0o060000,
  S_IFIFO: 0o010000,
  S_ISUID: 0o4000,
  S_ISGID: 0o2000,
};

const symbols = new Map<string, number>([
  ...families.split(' ').flatMap((name, i): [string, number][] => [
    [`AF_${name}`, i],
    [`PF_${name}`, i],
  ]),
  ...Object.entries(listed),
  ...Object.entries(CLONE).map(([name, value]): [string, number] => [`CLONE_${name}`, value]),
  ...Object.entries(MS).map(([name, value]): [string, number] => [`MS_${name}`, value]),
  ...Object.entries(SIGNALS),
]);

/** The number of a constant, or undefined. */
export const symbol = (name: string): number | undefined => symbols.get(name);

/** Names close to a mistyped one. */
export const symbolsLike = (name: string): string[] =>
  [...symbols.keys()]
    .filter((known) => known.startsWith(name.slice(0, Math.max(4, name.indexOf('_') + 2))))
    .slice(0, 5);

/** The flags of a number by one family of names: `CLONE_NEWNS|CLONE_VM`. */
export function flagNames(prefix: string, value: bigint): string {
  const found: string[] = [];
  let rest = value;
  for (const [name, bit] of symbols)
    if (bit > 0 && name.startsWith(prefix) && (bit & (bit - 1)) === 0 && (rest & BigInt(bit)) !== 0n) {
      found.push(name);
      rest &= ~BigInt(bit);
    }
  if (rest !== 0n || found.length === 0) found.push(`0x${rest.toString(16)}`);
  return found.join('|');
}

/** The one name of a number in a family of names: `AF_INET`. */
export function nameIn(prefix: string, value: bigint): string | undefined {
  for (const [name, number] of symbols) if (name.startsWith(prefix) && BigInt(number) === value) return name;
  return undefined;
}
