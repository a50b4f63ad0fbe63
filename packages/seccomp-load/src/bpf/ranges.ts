import { BPF } from '@ctr-tools/sys/constants';
import type { Assembler, Label } from './assembler.ts';

/**
 * Numbers from 0 on, cut into ranges that lead to the same place: range i goes from
 * `starts[i]` to the next one's start, and its target is `keys[i]`. Neighbours with the same
 * target are one range.
 */
export class Ranges {
  readonly starts: number[] = [];
  readonly keys: number[] = [];

  /** From `start` on: this target. Starts come in rising order. */
  add(start: number, key: number): void {
    const last = this.keys.length - 1;
    if (last >= 0 && this.keys[last] === key) return;
    this.starts.push(start);
    this.keys.push(key);
  }

  get last(): number {
    return this.keys.length - 1;
  }
}

/**
 * A binary search for A: each step halves what is left, so 470 calls take nine comparisons at
 * most, and fewer where neighbours were joined. `write` writes what comes at a target.
 */
export function search(
  asm: Assembler,
  ranges: Ranges,
  write: (key: number) => Label,
  first = 0,
  last = ranges.last,
): Label {
  const { starts, keys } = ranges;
  if (first === last) return write(keys[first]!);
  if (last - first === 2 && keys[first] === keys[last] && starts[last] === starts[first + 1]! + 1) {
    const same = write(keys[first + 1]!);
    return asm.jump(BPF.JEQ, starts[first + 1]!, same, write(keys[first]!));
  }
  const middle = (first + last + 1) >> 1;
  const right = search(asm, ranges, write, middle, last);
  const left = search(asm, ranges, write, first, middle - 1);
  return asm.jump(BPF.JGE, starts[middle]!, right, left);
}
