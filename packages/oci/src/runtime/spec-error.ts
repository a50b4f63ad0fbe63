import type { Problem } from '../schema/check.ts';

/** A document that was read but is not what it has to be. The message is one line with every problem, ten at most. */
export class SpecError extends Error {
  override name = 'SpecError';
  readonly problems: readonly Problem[];

  /** `document` is what it is called: `config.json`, `stdin`. */
  constructor(document: string, problems: readonly Problem[]) {
    const shown = problems.slice(0, 10).map((p) => `${p.path}: ${p.message}`);
    if (problems.length > 10) shown.push(`and ${problems.length - 10} more`);
    super(`${document}: ${shown.join('; ')}`);
    this.problems = problems;
  }
}
