/** Colour for terminals. All of it is plain SGR of the first sixteen colours, which people theme. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  heading(text: string): string;
  flag(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
}

/** A set of brushes; without colour they leave text as it is. */
export function paint(color: boolean): Style {
  const sgr =
    (on: string, off: string) =>
    (text: string): string =>
      color && text !== '' ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return {
    bold: sgr('1', '22'),
    dim: sgr('2', '22'),
    heading: sgr('1;4', '22;24'),
    flag: sgr('36', '39'),
    good: sgr('32', '39'),
    bad: sgr('31', '39'),
    warn: sgr('33', '39'),
  };
}
