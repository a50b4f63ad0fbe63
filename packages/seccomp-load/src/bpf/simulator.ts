import { BPF, seccompData } from '@ctr-tools/sys/constants';
import type { Instruction } from './program.ts';

/** A system call as a filter sees it. */
export interface Call {
  /** AUDIT_ARCH_* */
  arch: number;
  /** The whole number, 32 bits, x32's bit included. */
  nr: number;
  /** Up to six arguments; what is missing is 0. */
  args: readonly bigint[];
  ip?: bigint;
}

export interface Outcome {
  /** What the filter returned. */
  value: number;
  /** How many instructions it took. */
  steps: number;
  /** Whether it looked at anything but number and architecture: if not, the kernel can cache an `allow`. */
  constant: boolean;
}

/** `struct seccomp_data` of a call. */
export function dataOf(call: Call): Uint32Array {
  const words = new Uint32Array(seccompData.size / 4);
  words[0] = call.nr;
  words[1] = call.arch;
  const wide = [call.ip ?? 0n, ...call.args];
  for (const [i, value] of wide.slice(0, 7).entries()) {
    words[2 + i * 2] = Number(value & 0xffffffffn);
    words[3 + i * 2] = Number((value >> 32n) & 0xffffffffn);
  }
  return words;
}

/** The arithmetic of an ALU instruction on 32-bit words. Division by 0 ends the filter with 0 (net/core/filter.c). */
function alu(operation: number, a: number, b: number): number | undefined {
  switch (operation) {
    case BPF.ALU_ADD:
      return (a + b) >>> 0;
    case BPF.ALU_SUB:
      return (a - b) >>> 0;
    case BPF.ALU_MUL:
      return Math.imul(a, b) >>> 0;
    case BPF.ALU_DIV:
      return b === 0 ? undefined : Math.trunc(a / b);
    case BPF.ALU_OR:
      return (a | b) >>> 0;
    case BPF.ALU_AND:
      return (a & b) >>> 0;
    case BPF.ALU_XOR:
      return (a ^ b) >>> 0;
    case BPF.ALU_LSH:
      return b > 31 ? 0 : (a << b) >>> 0;
    case BPF.ALU_RSH:
      return b > 31 ? 0 : a >>> b;
    case BPF.ALU_NEG:
      return -a >>> 0;
    default:
      throw new Error(`no such arithmetic: 0x${operation.toString(16)}`);
  }
}

function holds(test: number, a: number, b: number): boolean {
  switch (test) {
    case BPF.JEQ:
      return a === b;
    case BPF.JGT:
      return a > b;
    case BPF.JGE:
      return a >= b;
    case BPF.JSET:
      return (a & b) !== 0;
    default:
      throw new Error(`no such jump: 0x${test.toString(16)}`);
  }
}

/** Told of each comparison: the offset of the word that was loaded last, and the number it is compared with. */
export type Observer = (offset: number, k: number) => void;

/**
 * Run a filter as the kernel would, nothing loaded. Throws an `Error` for a program that
 * `seccomp_check_filter` of the kernel would not take.
 */
export function simulate(program: readonly Instruction[], call: Call, observe?: Observer): Outcome {
  const data = dataOf(call);
  const memory = new Uint32Array(16);
  let a = 0;
  let x = 0;
  let constant = true;
  let loaded = 0;
  for (let pc = 0, steps = 1; pc < program.length; pc++, steps++) {
    const { code, jt, jf, k } = program[pc]!;
    switch (code) {
      case BPF.LD_ABS:
        if (k % 4 !== 0 || k >= seccompData.size) throw new Error(`instruction ${pc} loads from offset ${k}`);
        a = data[k / 4]!;
        loaded = k;
        constant &&= k < seccompData.ip;
        continue;
      case BPF.LD_IMM:
        a = k;
        continue;
      case BPF.LD_MEM:
        a = memory[k]!;
        continue;
      case BPF.LD_LEN:
        a = seccompData.size;
        continue;
      case BPF.LDX_IMM:
        x = k;
        continue;
      case BPF.LDX_MEM:
        x = memory[k]!;
        continue;
      case BPF.LDX_LEN:
        x = seccompData.size;
        continue;
      case BPF.ST:
        memory[k] = a;
        continue;
      case BPF.STX:
        memory[k] = x;
        continue;
      case BPF.TAX:
        x = a;
        continue;
      case BPF.TXA:
        a = x;
        continue;
      case BPF.JA:
        pc += k;
        continue;
      case BPF.RET:
        return { value: k, steps, constant };
      case BPF.RET_A:
        return { value: a, steps, constant };
    }
    const operand = code & BPF.X ? x : k;
    const operation = code & ~BPF.X;
    if ((code & 7) === 5) {
      observe?.(loaded, operand);
      pc += holds(operation, a, operand) ? jt : jf;
    } else if ((code & 7) === 4) {
      const result = alu(operation, a, operand);
      if (result === undefined) return { value: 0, steps, constant };
      a = result;
    } else throw new Error(`instruction ${pc} has the unknown code 0x${code.toString(16)}`);
  }
  throw new Error('the filter ends without a return');
}

/** What the kernel makes of several filters' answers: the one that permits least (seccomp(2)). */
export function strictest(values: readonly number[]): number {
  return values.reduce((least, value) => (rank(value) < rank(least) ? value : least));
}

/** The action as a signed number, as `seccomp_run_filters` compares it. */
const rank = (value: number): number => (value & 0xffff0000) | 0;
