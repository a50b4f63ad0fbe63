/** Words in lines of at most `columns`, each line after `indent`. */
export function wrap(words: readonly string[], columns: number, indent: string): string {
  let text = '';
  let line = indent;
  for (const word of words) {
    if (line.length > indent.length && line.length + 1 + word.length > columns) {
      text += `${line}\n`;
      line = indent;
    }
    line += line.length > indent.length ? ` ${word}` : word;
  }
  return `${text}${line}\n`;
}

/** A sentence after `indent`, broken at blanks, its further lines deeper. */
export const hang = (text: string, columns: number, indent: string): string =>
  wrap(text.split(' '), columns, `${indent}    `).replace(`${indent}    `, indent);
