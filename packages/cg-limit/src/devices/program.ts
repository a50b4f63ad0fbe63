/**
 * Cgroup v2 has no files for devices: a BPF program of the type BPF_PROG_TYPE_CGROUP_DEVICE
 * attached to the group is asked at each open and mknod, and allows with 1 (cgroup-v2.rst,
 * "Device controller"). This makes it, as the bytes of `struct bpf_insn`.
 */
import { viewOf } from '@ctr-tools/host';
import type { DeviceException, DeviceList } from './rules.ts';

/** `struct bpf_cgroup_dev_ctx` and its values, linux/bpf.h. */
export const BPF_DEVCG = { ACC_MKNOD: 1, ACC_READ: 2, ACC_WRITE: 4, DEV_BLOCK: 1, DEV_CHAR: 2 } as const;

/** Opcodes of bpf_common.h and bpf.h, put together: class | operation | source. */
export const BPF_OP = {
  LDX_W: 0x61,
  ALU_MOV_X: 0xbc,
  ALU_MOV_K: 0xb4,
  ALU_AND_K: 0x54,
  ALU_RSH_K: 0x74,
  JMP32_JNE_K: 0x56,
  JMP32_JNE_X: 0x5e,
  JMP32_JEQ_K: 0x16,
  EXIT: 0x95,
} as const;

interface Instruction {
  code: number;
  dst?: number;
  src?: number;
  /** Instructions to jump over, from the next one; `next` is filled in as the end of the block. */
  off?: number | 'next';
  imm?: number;
}

const context = 1;
const scratch = 1;
const [type, access, major, minor, result] = [2, 3, 4, 5, 0];

/** The device's kind and numbers and the kind of access into registers; after that the context is not needed any more. */
const prologue: readonly Instruction[] = [
  { code: BPF_OP.LDX_W, dst: type, src: context, off: 0 },
  { code: BPF_OP.ALU_AND_K, dst: type, imm: 0xffff },
  { code: BPF_OP.LDX_W, dst: access, src: context, off: 0 },
  { code: BPF_OP.ALU_RSH_K, dst: access, imm: 16 },
  { code: BPF_OP.LDX_W, dst: major, src: context, off: 4 },
  { code: BPF_OP.LDX_W, dst: minor, src: context, off: 8 },
];

/**
 * Compile a list. As device_cgroup.c decides: with a default of deny, one exception has to
 * allow all that is asked for; with a default of allow, one exception that names any of it denies.
 */
export function deviceProgram(list: DeviceList): Uint8Array {
  const blocks = list.exceptions.map((e) => block(e, !list.allow));
  const end: Instruction[] = [
    { code: BPF_OP.ALU_MOV_K, dst: result, imm: list.allow ? 1 : 0 },
    { code: BPF_OP.EXIT },
  ];
  return assemble([...prologue, ...blocks.flat(), ...end]);
}

/** One exception: go on to the next block unless it applies, else end with `allow`. */
function block(exception: DeviceException, allow: boolean): Instruction[] {
  const instructions: Instruction[] = [
    {
      code: BPF_OP.JMP32_JNE_K,
      dst: type,
      imm: exception.type === 'b' ? BPF_DEVCG.DEV_BLOCK : BPF_DEVCG.DEV_CHAR,
      off: 'next',
    },
  ];
  const mask = maskOf(exception.access);
  if (mask !== 7) {
    instructions.push(
      { code: BPF_OP.ALU_MOV_X, dst: scratch, src: access },
      { code: BPF_OP.ALU_AND_K, dst: scratch, imm: mask },
      allow
        ? { code: BPF_OP.JMP32_JNE_X, dst: scratch, src: access, off: 'next' }
        : { code: BPF_OP.JMP32_JEQ_K, dst: scratch, imm: 0, off: 'next' },
    );
  }
  if (exception.major !== -1)
    instructions.push({ code: BPF_OP.JMP32_JNE_K, dst: major, imm: exception.major, off: 'next' });
  if (exception.minor !== -1)
    instructions.push({ code: BPF_OP.JMP32_JNE_K, dst: minor, imm: exception.minor, off: 'next' });
  instructions.push({ code: BPF_OP.ALU_MOV_K, dst: result, imm: allow ? 1 : 0 }, { code: BPF_OP.EXIT });
  return instructions.map((instruction, i) =>
    instruction.off === 'next' ? { ...instruction, off: instructions.length - i - 1 } : instruction,
  );
}

function maskOf(letters: string): number {
  const bits: Record<string, number> = {
    m: BPF_DEVCG.ACC_MKNOD,
    r: BPF_DEVCG.ACC_READ,
    w: BPF_DEVCG.ACC_WRITE,
  };
  return [...letters].reduce((mask, letter) => mask | bits[letter]!, 0);
}

/** `struct bpf_insn`: u8 code, u8 src:4 dst:4, s16 off, s32 imm; little-endian machines put dst in the low bits. */
function assemble(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8);
  const view = viewOf(bytes);
  for (const [i, { code, dst = 0, src = 0, off = 0, imm = 0 }] of instructions.entries()) {
    bytes[i * 8] = code;
    bytes[i * 8 + 1] = (src << 4) | dst;
    view.setInt16(i * 8 + 2, off as number, true);
    view.setInt32(i * 8 + 4, imm, true);
  }
  return bytes;
}
