import { arch } from '@ctr-tools/host';

const arm = arch === 'arm64' || arch === 'arm';

/** open(2) flags of the generic ABI that x86, arm64 and riscv share where used here. */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DIRECTORY: arm ? 0o40000 : 0o200000,
  NOFOLLOW: arm ? 0o100000 : 0o400000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
} as const;

/** The type bits of a mode (inode(7)). */
export const S = {
  IFIFO: 0o010000,
  IFCHR: 0o020000,
  IFDIR: 0o040000,
  IFBLK: 0o060000,
  IFREG: 0o100000,
} as const;

/** Magic numbers of statfs(2), from `linux/magic.h`. */
export const MAGIC = {
  CGROUP: 0x27e0eb,
  CGROUP2: 0x63677270,
  PROC: 0x9fa0,
  TMPFS: 0x01021994,
  OVERLAY: 0x794c7630,
  BTRFS: 0x9123683e,
  NSFS: 0x6e736673,
  PIDFS: 0x50494446,
} as const;

/** Device number as the kernel's user ABI encodes it (makedev(3)). */
export function makedev(major: number, minor: number): number {
  return Number(
    ((BigInt(major) & 0xfffff000n) << 32n) |
      ((BigInt(major) & 0xfffn) << 8n) |
      ((BigInt(minor) & 0xffffff00n) << 12n) |
      (BigInt(minor) & 0xffn),
  );
}

/** Its two numbers, as gnu_dev_major and gnu_dev_minor take them out of it (makedev(3)). */
export const splitDevice = (device: bigint): { major: number; minor: number } => ({
  major: Number(((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn)),
  minor: Number(((device >> 12n) & 0xffffff00n) | (device & 0xffn)),
});
