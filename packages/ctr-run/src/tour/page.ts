/**
 * A page that teaches by commands, such as docs/tour.md: prose, and fenced blocks of the kind `console`, in which a
 * command stands after `$ ` and what it prints below it. Words after `console`: `needs=NAME,...` says what a machine
 * must have for the block, `undo` that it takes away what the chapter has made.
 */

export interface Step {
  command: string;
  /** The lines that it prints, of which `…` and numbers may stand for others. */
  output: readonly string[];
}

export interface Block {
  kind: 'block';
  needs: readonly string[];
  undo: boolean;
  steps: readonly Step[];
}

/** A heading, a paragraph or a table, its lines as they stand there. */
export interface Prose {
  kind: 'prose';
  lines: readonly string[];
}

export type Part = Block | Prose;

export interface Chapter {
  title: string;
  parts: readonly Part[];
}

/** Throws an `Error` that names the line where a block does not end, or does not begin with a command. */
export function partsOf(page: string): Part[] {
  const lines = page.split('\n');
  const parts: Part[] = [];
  for (let at = 0; at < lines.length; ) {
    const fence = /^```(\S*) ?(.*)$/.exec(lines[at]!);
    if (fence) {
      const end = lines.indexOf('```', at + 1);
      if (end < 0) throw new Error(`line ${at + 1}: the block that begins here has no end`);
      if (fence[1] === 'console') parts.push(blockOf(fence[2]!, lines.slice(at + 1, end), at + 1));
      at = end + 1;
    } else if (lines[at] === '') at++;
    else {
      const begin = at;
      while (at < lines.length && lines[at] !== '' && !lines[at]!.startsWith('```')) at++;
      parts.push({ kind: 'prose', lines: lines.slice(begin, at) });
    }
  }
  return parts;
}

function blockOf(words: string, lines: readonly string[], number: number): Block {
  const steps: { command: string; output: string[] }[] = [];
  for (const line of lines) {
    if (line.startsWith('$ ')) steps.push({ command: line.slice(2), output: [] });
    else if (steps.length === 0) throw new Error(`line ${number}: the block does not begin with a command`);
    else steps.at(-1)!.output.push(line);
  }
  const needs = /\bneeds=(\S+)/.exec(words)?.[1]?.split(',') ?? [];
  return { kind: 'block', needs, undo: /\bundo\b/.test(words), steps };
}

/** The page by its headings of the second level; what stands before the first is left out. */
export function chaptersOf(page: string): Chapter[] {
  const chapters: { title: string; parts: Part[] }[] = [];
  for (const part of partsOf(page)) {
    const title = part.kind === 'prose' ? /^## (.*)/.exec(part.lines[0]!)?.[1] : undefined;
    if (title !== undefined) chapters.push({ title, parts: [] });
    else chapters.at(-1)?.parts.push(part);
  }
  return chapters;
}
