/** What a seccomp filter returns, from `linux/seccomp.h`: the action above, 16 bits of data below. */
export const SECCOMP_RET = {
  KILL_PROCESS: 0x80000000,
  KILL_THREAD: 0,
  TRAP: 0x00030000,
  ERRNO: 0x00050000,
  USER_NOTIF: 0x7fc00000,
  TRACE: 0x7ff00000,
  LOG: 0x7ffc0000,
  ALLOW: 0x7fff0000,
} as const;

export const SECCOMP_RET_ACTION_FULL = 0xffff0000;
export const SECCOMP_RET_DATA = 0xffff;

/** `struct seccomp_data` (seccomp(2)): offsets in bytes; each of six arguments is 64 bits wide, little-endian. */
export const seccompData = { nr: 0, arch: 4, ip: 8, args: 16, size: 64 } as const;

/** AUDIT_ARCH_* of `linux/audit.h`: the ELF machine, and bits for little-endian (30) and 64-bit (31). */
export const AUDIT_ARCH = {
  X86_64: 0xc000003e,
  I386: 0x40000003,
  ARM: 0x40000028,
  AARCH64: 0xc00000b7,
  RISCV64: 0xc00000f3,
} as const;

/** Set in the number of each x32 call (`__X32_SYSCALL_BIT` of `asm/unistd.h`). */
export const X32_SYSCALL_BIT = 0x40000000;

/** A filter has at most so many instructions (BPF_MAXINSNS of `linux/bpf_common.h`). */
export const BPF_MAXINSNS = 4096;

/** Classic BPF as the seccomp checker takes it (`seccomp_check_filter` of kernel/seccomp.c), `linux/bpf_common.h`. */
export const BPF = {
  /** A = the word at offset k of `struct seccomp_data` */
  LD_ABS: 0x20,
  /** A = k */
  LD_IMM: 0x00,
  /** A = M[k] */
  LD_MEM: 0x60,
  /** A = 64, the size of the data */
  LD_LEN: 0x80,
  LDX_IMM: 0x01,
  LDX_MEM: 0x61,
  LDX_LEN: 0x81,
  ST: 0x02,
  STX: 0x03,
  ALU_ADD: 0x04,
  ALU_SUB: 0x14,
  ALU_MUL: 0x24,
  ALU_DIV: 0x34,
  ALU_OR: 0x44,
  ALU_AND: 0x54,
  ALU_LSH: 0x64,
  ALU_RSH: 0x74,
  ALU_NEG: 0x84,
  ALU_XOR: 0xa4,
  /** Added to an ALU or jump code: the operand is X, not k. */
  X: 0x08,
  JA: 0x05,
  JEQ: 0x15,
  JGT: 0x25,
  JGE: 0x35,
  JSET: 0x45,
  RET: 0x06,
  RET_A: 0x16,
  TAX: 0x07,
  TXA: 0x87,
} as const;

/** ioctl(2) requests of a seccomp listener on architectures with the generic ioctl layout (seccomp_unotify(2)). */
export const SECCOMP_IOCTL = {
  NOTIF_RECV: 0xc0502100,
  NOTIF_SEND: 0xc0182101,
  NOTIF_ID_VALID: 0x40082102,
  NOTIF_ADDFD: 0x40182103,
  NOTIF_SET_FLAGS: 0x40082104,
} as const;

/** Let the kernel carry the call out (`struct seccomp_notif_resp` flags). */
export const SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1;
