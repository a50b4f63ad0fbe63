import type { Problem } from '../schema/check.ts';

/** A document that was read but is not what it has to be. The message has a line for each problem. */
export class SpecError extends Error {
  override name = 'SpecError';
  readonly problems: readonly Problem[];

  /** `document` is what it is called: `config.json`, `stdin`. */
  constructor(document: string, problems: readonly Problem[]) {
    const line = (p: Problem) => `${document}: ${p.path}: ${p.message}`;
    const shown = problems.slice(0, 10).map(line);
    if (problems.length > 10) shown.push(`${document}: and ${problems.length - 10} more`);
    super(shown.join('\n'));
    this.problems = problems;
  }
}
