/**
 * Numbers of a list as the kernel writes CPUs and memory nodes: `0-3,7` (cpuset(7), List
 * format). Sorted, each once. Throws a `RangeError` that names the word which is not a number
 * or range, or exceeds `most`.
 */
export function parseNumberList(text: string, most = 8191): number[] {
  const numbers = new Set<number>();
  for (const word of text.split(',').map((w) => w.trim())) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(word);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (!match || first > last) throw new RangeError(`"${word}" is not a number or range`);
    if (last > most) throw new RangeError(`${last} is more than the ${most} that there can be`);
    for (let n = first; n <= last; n++) numbers.add(n);
  }
  return [...numbers].sort((a, b) => a - b);
}

/** A bit for each number, in as many 64-bit little-endian words as are needed: a `cpu_set_t`, a node mask. */
export function numberMask(numbers: readonly number[]): Uint8Array {
  const most = numbers.reduce((a, b) => Math.max(a, b), -1);
  const mask = new Uint8Array(Math.ceil((most + 1) / 64) * 8);
  for (const n of numbers) mask[n >> 3]! |= 1 << (n & 7);
  return mask;
}
