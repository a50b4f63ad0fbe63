/** Checking a whole document against its shape, and against the rules that a shape cannot say. */
import { SpecError } from '../runtime/spec-error.ts';
import { type Check, Context, pathText, type Warning } from './check.ts';

/** Where rules tell what they found. */
export interface Findings {
  problem(path: readonly (string | number)[], message: string): void;
  warning(path: readonly (string | number)[], message: string): void;
}

export interface Verdict<T> {
  value: T;
  /** Names in another case, unknown properties and capabilities, deprecated things. Those not `told` are for who asks. */
  warnings: readonly Warning[];
}

export const findingsIn = (context: Context): Findings => ({
  problem: (path, message) => context.problems.push({ path: pathText(path), message }),
  warning: (path, message) => context.warnings.push({ path: pathText(path), message, told: false }),
});

/**
 * Check a parsed document, which is called `document` in messages. What has to be there is missed if it is
 * to be `complete`; `rules` runs where the shape is right. Throws `SpecError` with every problem, and with
 * the names that are not known, which may be what is missing.
 */
export function checkDocument<T>(
  value: unknown,
  document: string,
  shape: Check<T>,
  complete: boolean,
  rules?: (value: T, findings: Findings) => void,
): Verdict<T> {
  const context = new Context(complete);
  shape(value, context);
  // The rules trust the types, so they have to wait for the right shape.
  if (context.problems.length === 0) rules?.(value as T, findingsIn(context));
  if (context.problems.length > 0)
    throw new SpecError(document, [...context.problems, ...context.warnings.filter((w) => w.told)]);
  return { value: value as T, warnings: context.warnings };
}
