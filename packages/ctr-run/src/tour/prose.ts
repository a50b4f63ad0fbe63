/** Markdown as a terminal shows it. */
import type { Style } from '@ctr-tools/cli';
import { wrapWords } from '../inspect/wrap.ts';

/** Links by their text; names in code and words that are stressed, in bold where there are colours. */
const inline = (text: string, { bold }: Style): string =>
  text
    .replace(/!\[[^\]]*\]\([^)]*\)/g, '')
    .replace(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .replace(/\*\*(.+?)\*\*/g, (_, words: string) => bold(words))
    .replace(/`([^`]+)`|\b_([^_]+)_\b/g, (_, code?: string, word?: string) => bold(code ?? word ?? ''));

/** A paragraph broken into lines of `width`; a table or list line by line. Styles take no room. */
export function prose(lines: readonly string[], width: number, style: Style): string {
  const rows = lines.filter((line) => !/^\|[ -|]+\|$/.test(line) || /\w/.test(line));
  if (/^[|-]/.test(lines[0]!)) return `${rows.map((line) => inline(line, style)).join('\n')}\n`;
  const plain = wrapWords(lines.join(' ').replace(/^#+ /, ''), width);
  const text = inline(plain.join('\n'), style).trim();
  return text === '' ? '' : `${text}\n`;
}
