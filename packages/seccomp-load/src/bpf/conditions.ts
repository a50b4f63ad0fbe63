import { BPF, seccompData } from '@ctr-tools/sys/constants';
import type { Comparison } from '../profile/types.ts';
import type { Assembler, Label } from './assembler.ts';

const low = (value: bigint): number => Number(value & 0xffffffffn);
const high = (value: bigint): number => Number((value >> 32n) & 0xffffffffn);

/** A 64-bit number whose upper half only repeats a 32-bit sign, as -1 written by a 64-bit program. */
const SIGN_EXTENDED = 0xffffffffn;

/**
 * A comparison as a 32-bit ABI can make it. The kernel leaves the upper halves of its arguments
 * 0, so numbers beyond 32 bits are never reached; but a sign-extended negative number means
 * the 32-bit one. Gives `true` or `false` where the outcome is the same for every argument.
 */
export function narrow(c: Comparison): Comparison | boolean {
  const value = c.value >> 32n === SIGN_EXTENDED ? c.value & 0xffffffffn : c.value;
  if (c.op === 'MASKED_EQ') {
    const two = c.two >> 32n === SIGN_EXTENDED ? c.two & 0xffffffffn : c.two;
    return (two & c.value) >> 32n !== 0n ? false : { ...c, value: c.value & 0xffffffffn, two };
  }
  if (value >> 32n === 0n) return { ...c, value };
  return c.op === 'NE' || c.op === 'LT' || c.op === 'LE';
}

/** `arg & mask == two & mask`, one word of it. */
function maskedWord(asm: Assembler, offset: number, mask: number, two: number, yes: Label, no: Label): Label {
  if (mask === 0) return yes;
  const jump = asm.jump(BPF.JEQ, (two & mask) >>> 0, yes, no);
  return asm.load(offset, mask === 0xffffffff ? jump : asm.and(mask, jump));
}

/**
 * One comparison of an argument. BPF compares 32 bits, unsigned: the upper words decide
 * unless they are equal, and then the lower words do.
 */
export function compare(asm: Assembler, c: Comparison, wide: boolean, yes: Label, no: Label): Label {
  const lo = seccompData.args + c.index * 8;
  const hi = lo + 4;
  const word = (code: number, yesLow: Label, noLow: Label): Label =>
    asm.load(lo, asm.jump(code, low(c.value), yesLow, noLow));
  const ordered = (code: number, above: Label, notAbove: Label): Label => {
    const lower = word(code, above, notAbove);
    if (!wide) return lower;
    const same = asm.jump(BPF.JEQ, high(c.value), lower, notAbove);
    return asm.load(hi, asm.jump(BPF.JGT, high(c.value), above, same));
  };
  const equal = (same: Label, other: Label): Label => {
    const lower = word(BPF.JEQ, same, other);
    return wide ? asm.load(hi, asm.jump(BPF.JEQ, high(c.value), lower, other)) : lower;
  };
  switch (c.op) {
    case 'EQ':
      return equal(yes, no);
    case 'NE':
      return equal(no, yes);
    case 'GT':
      return ordered(BPF.JGT, yes, no);
    case 'GE':
      return ordered(BPF.JGE, yes, no);
    case 'LE':
      return ordered(BPF.JGT, no, yes);
    case 'LT':
      return ordered(BPF.JGE, no, yes);
    case 'MASKED_EQ': {
      const lower = maskedWord(asm, lo, low(c.value), low(c.two), yes, no);
      return wide ? maskedWord(asm, hi, high(c.value), high(c.two), lower, no) : lower;
    }
  }
}

/** All of a rule's comparisons. */
export function all(
  asm: Assembler,
  when: readonly Comparison[],
  wide: boolean,
  yes: Label,
  no: Label,
): Label {
  return when.reduceRight((next, c) => {
    const one = wide ? c : narrow(c);
    if (typeof one === 'boolean') return one ? next : no;
    return compare(asm, one, wide, next, no);
  }, yes);
}
