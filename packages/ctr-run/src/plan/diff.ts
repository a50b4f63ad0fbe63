/** Two plans side by side: what the kernel is asked for one and not for the other. Pure. */
import { plain } from '../inspect/plain.ts';

/** A step as it is shown, and what it hands over as bytes, of which its text has the number alone. */
export interface Shown {
  text: string;
  bytes: string;
}

const isSame = (a: Shown, b: Shown): boolean => a.text === b.text && a.bytes === b.bytes;

export interface Change {
  sign: '-' | '+' | ' ';
  /** The step's number in its own plan. */
  at: number;
  step: Shown;
}

/**
 * The steps of both in their order, each marked where it is in one alone: a longest common subsequence, as diff(1)
 * finds it.
 */
export function changesOf(a: readonly Shown[], b: readonly Shown[]): Change[] {
  // lengths[i][j]: of a from i and b from j.
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      lengths[i * width + j] = isSame(a[i]!, b[j]!)
        ? lengths[(i + 1) * width + j + 1]! + 1
        : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
  const changes: Change[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && isSame(a[i]!, b[j]!)) {
      changes.push({ sign: ' ', at: i, step: a[i]! });
      i++;
      j++;
    } else if (
      j >= b.length ||
      (i < a.length && lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!)
    ) {
      changes.push({ sign: '-', at: i, step: a[i]! });
      i++;
    } else {
      changes.push({ sign: '+', at: j, step: b[j]! });
      j++;
    }
  }
  return changes;
}

/** The steps that differ, a line each as diff(1) marks them; empty where there is none. */
export function differing(a: readonly Shown[], b: readonly Shown[]): string {
  const changes = changesOf(a, b).filter(({ sign }) => sign !== ' ');
  const width = String(Math.max(a.length, b.length)).length;
  const has = (sign: string, text: string): boolean =>
    changes.some((change) => change.sign === sign && change.step.text === text);
  return changes
    .map(({ sign, at, step: { text } }) => {
      const other = has('-', text) && has('+', text) ? '   [other bytes]' : '';
      return `${sign} ${String(at).padStart(width)}  ${plain(text)}${other}\n`;
    })
    .join('');
}
