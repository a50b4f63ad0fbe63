import type { Asked } from './sides.ts';

export interface Case extends Asked {
  name: string;
  /** The engine cannot answer it, and says so. */
  node?: boolean;
  /** What it prints changes from moment to moment: its numbers, or what there is to be shown. */
  varies?: 'numbers' | 'lines';
}

const words = (line: string): string[] => line.split(' ').filter(Boolean);

/** One command line. Blanks stand between words. */
export function line(text: string, more: Partial<Case> = {}): Case {
  const [tool, ...argv] = words(text);
  return { name: text, tool: tool!, argv, ...more };
}
