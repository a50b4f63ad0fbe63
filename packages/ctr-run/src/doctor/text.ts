/** The findings as a person reads them. */
import { paint, printable } from '@ctr-tools/cli';
import type { Finding } from './findings.ts';

const WORDS = { there: 'yes', lacking: 'no', missing: 'NO' } as const;

/** A heading for each area; below it a line for each finding, and what it means and what would help below that. */
export function renderFindings(findings: readonly Finding[], color: boolean): string {
  const style = paint(color);
  const widest = Math.max(...findings.map(({ what }) => what.length));
  const lines: string[] = [];
  let area = '';
  for (const finding of findings) {
    if (finding.area !== area) {
      if (area !== '') lines.push('');
      area = finding.area;
      lines.push(style.bold(area));
    }
    const { state, what, detail, means, remedy } = finding;
    const brush = { there: style.good, lacking: style.warn, missing: style.bad }[state];
    const after = detail ?? means ?? '';
    lines.push(
      `  ${brush(WORDS[state].padEnd(3))}  ${printable(what).padEnd(widest)}  ${printable(after)}`.trimEnd(),
    );
    if (remedy !== undefined) lines.push(`${' '.repeat(widest + 9)}${style.dim('→')} ${remedy}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** What all of it comes to, in a sentence. */
export function verdict(findings: readonly Finding[], user: string): string {
  const missing = findings.filter(({ state }) => state === 'missing');
  if (missing.length > 0)
    return `${user} cannot make a container here: ${missing.map(({ what }) => what).join(', ')} missing`;
  const lacking = findings.filter(({ state }) => state === 'lacking').length;
  return `${user} can make containers here${lacking === 0 ? '' : `; ${lacking} of the lines above say what they cannot have`}`;
}
