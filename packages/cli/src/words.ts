import { nearest as nearestSpelled } from '@ctr-tools/oci';

/** The known word that was most likely meant, misspelled or cut short; undefined where none is near. */
export const nearest = (word: string, known: readonly string[]): string | undefined =>
  nearestSpelled(word, known) ?? known.find((candidate) => word.length >= 4 && candidate.startsWith(word));

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
