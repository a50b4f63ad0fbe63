import { BPF, seccompData } from '@ctr-tools/sys/constants';
import type { Choice } from '../decide.ts';
import type { Comparison } from '../profile/types.ts';
import type { Assembler, Label } from './assembler.ts';
import { all, narrow } from './conditions.ts';
import { Ranges, search } from './ranges.ts';

const WORD = 0x1_0000_0000;

function holds(c: Comparison, argument: number): boolean {
  const value = Number(c.value);
  switch (c.op) {
    case 'EQ':
      return argument === value;
    case 'NE':
      return argument !== value;
    case 'LT':
      return argument < value;
    case 'LE':
      return argument <= value;
    case 'GT':
      return argument > value;
    default:
      return argument >= value;
  }
}

/**
 * Choices that all compare one and the same argument with numbers below 2^32, as ranges of
 * that argument: twenty allowed socket families are then a binary search and not twenty
 * comparisons one after the other. Undefined where that does not fit.
 */
function asRanges(choices: readonly Choice[], otherwise: number): Ranges | undefined {
  const { index } = choices[0]!.when[0]!;
  const starts = new Set([0, WORD]);
  // Place of the first choice for exactly this number; the few others are asked one by one.
  const exact = new Map<number, number>();
  const others: number[] = [];
  for (let i = 0; i < choices.length; i++) {
    const { when } = choices[i]!;
    const only = when[0]!;
    if (when.length !== 1 || only.index !== index || only.op === 'MASKED_EQ' || only.value >= WORD)
      return undefined;
    const value = Number(only.value);
    if (only.op !== 'LE' && only.op !== 'GT') starts.add(value);
    if (only.op !== 'LT' && only.op !== 'GE') starts.add(value + 1);
    if (only.op !== 'EQ') others.push(i);
    else if (!exact.has(value)) exact.set(value, i);
  }
  const ranges = new Ranges();
  for (const start of [...starts].sort((a, b) => a - b)) {
    const one = exact.get(start) ?? choices.length;
    const other = others.find((i) => holds(choices[i]!.when[0]!, start)) ?? choices.length;
    ranges.add(start, choices[Math.min(one, other)]?.action ?? otherwise);
  }
  return ranges;
}

/** The choices one after the other: the first that holds decides. */
function inTurn(asm: Assembler, choices: readonly Choice[], wide: boolean, otherwise: number): Label {
  return choices.reduceRight(
    (next, { when, action }) => all(asm, when, wide, asm.ret(action), next),
    asm.ret(otherwise),
  );
}

/** What a call's arguments decide. */
export function choose(asm: Assembler, choices: readonly Choice[], wide: boolean, otherwise: number): Label {
  const fitting = wide ? choices : narrowed(choices);
  const ranges = fitting && fitting.length > 2 ? asRanges(fitting, otherwise) : undefined;
  if (!ranges) return inTurn(asm, choices, wide, otherwise);
  const offset = seccompData.args + choices[0]!.when[0]!.index * 8;
  const write = (action: number): Label => asm.ret(action);
  const above = ranges.keys.at(-1)!;
  // What begins at 2^32 is for the upper word to find; the lower one never reaches it.
  const searched = asm.load(
    offset,
    search(asm, ranges, write, 0, ranges.starts.at(-1) === WORD ? ranges.last - 1 : ranges.last),
  );
  if (!wide) return searched;
  return asm.load(offset + 4, asm.jump(BPF.JEQ, 0, searched, write(above)));
}

/** The choices as a 32-bit ABI makes them, or undefined if one is always or never true. */
function narrowed(choices: readonly Choice[]): Choice[] | undefined {
  const result: Choice[] = [];
  for (const choice of choices) {
    const when = choice.when.map(narrow);
    if (when.some((c) => typeof c === 'boolean')) return undefined;
    result.push({ ...choice, when: when as Comparison[] });
  }
  return result;
}
