import { seccompData } from '@ctr-tools/sys/constants';
import { type AbiName, abis, table } from './abi.ts';
import type { Instruction } from './bpf/program.ts';
import { simulate } from './bpf/simulator.ts';

/** One way in which two filters answer differently, with arguments that show it. */
export interface Difference {
  abi: AbiName;
  /** Name of the call, or its number. */
  call: string;
  first: number;
  second: number;
  /** Arguments for which it is so; empty where arguments do not matter. */
  args: readonly bigint[];
}

/** So many combinations of arguments are tried for one call. */
const LIMIT = 20_000;

const U32 = 0xffffffffn;

type Words = Map<number, Set<number>>;

/** Numbers on both sides of what a word is compared with. */
function add(words: Words, offset: number, k: number): boolean {
  if (offset < seccompData.args) return false;
  const known = words.get(offset) ?? new Set([0]);
  words.set(offset, known);
  const before = known.size;
  for (const near of [k, k - 1, k + 1, ~k]) known.add(near >>> 0);
  return known.size > before;
}

/** Arguments made of every combination of words, at most `LIMIT`. */
function* combinations(words: Words): Generator<bigint[]> {
  const fields = [...words];
  const total = fields.reduce((n, [, values]) => n * values.size, 1);
  const step = Math.max(1, Math.ceil(total / LIMIT));
  for (let i = 0; i < total; i += step) {
    const args = [0n, 0n, 0n, 0n, 0n, 0n];
    let rest = i;
    for (const [offset, values] of fields) {
      const list = [...values];
      const value = BigInt(list[rest % list.length]!);
      rest = Math.floor(rest / list.length);
      const index = Math.floor((offset - seccompData.args) / 8);
      args[index]! |= offset % 8 === 0 ? value : value << 32n;
    }
    yield args;
  }
}

function compareCall(
  first: readonly Instruction[],
  second: readonly Instruction[],
  abi: AbiName,
  number: number,
  call: string,
): Difference[] {
  const { audit, base, wide } = abis.get(abi)!;
  const words: Words = new Map();
  const found = new Map<string, Difference>();
  const seen = new Set<string>();
  // What is compared only shows when it is reached: again with each number that is new.
  for (let more = true; more; ) {
    more = false;
    for (const args of combinations(words)) {
      const key = args.join();
      if (seen.has(key) || (!wide && args.some((a) => a > U32))) continue;
      seen.add(key);
      const at = { arch: audit, nr: number + base, args };
      const observe = (offset: number, k: number): void => {
        if (add(words, offset, k)) more = true;
      };
      const [a, b] = [simulate(first, at, observe).value, simulate(second, at, observe).value];
      const pair = `${a} ${b}`;
      if (a !== b && !found.has(pair)) found.set(pair, { abi, call, first: a, second: b, args });
    }
    if (seen.size > LIMIT) break;
  }
  const list = [...found.values()];
  return words.size === 0 ? list.map((d) => ({ ...d, args: [] })) : list;
}

/**
 * Where two filters answer differently, by asking them: every call of these ABIs, and one that
 * no kernel has; for arguments, the numbers on both sides of every number that either compares.
 */
export function compare(
  first: readonly Instruction[],
  second: readonly Instruction[],
  names: readonly AbiName[],
): Difference[] {
  const differences: Difference[] = [];
  for (const abi of names) {
    const { numbers, newest } = table(abi);
    for (const [call, number] of numbers) differences.push(...compareCall(first, second, abi, number, call));
    differences.push(...compareCall(first, second, abi, newest + 1, `newer than ${newest}`));
  }
  return differences;
}
