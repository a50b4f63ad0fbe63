/** What a section has to say beside its openings. */
export interface Told {
  /** One line, which is all where nothing is unusual. */
  summary: string;
  /** What is unusual, a line each. */
  notes?: readonly string[];
  /** The whole of it, for who asks for that. */
  whole?: readonly string[];
}

export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;
