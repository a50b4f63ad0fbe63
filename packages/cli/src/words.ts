/** How many letters must change to make one word of the other, swaps of neighbours counting once. */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, before[j - 2]! + 1);
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}

/** The known word that was most likely meant, or undefined where none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const d = distance(word, candidate);
    if (d < least) {
      least = d;
      best = candidate;
    }
  }
  return best ?? known.find((candidate) => word.length >= 4 && candidate.startsWith(word));
}

/** `; did you mean --memory?`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}

const bare = /^[\w./:@%+,=-]+$/;

/** A word as one would type it at a shell. */
export function shellQuote(word: string): string {
  if (bare.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** A command line as one would type it. */
export const shellLine = (words: readonly string[]): string => words.map(shellQuote).join(' ');
