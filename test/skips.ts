import { appendFileSync } from 'node:fs';

/**
 * Reasons of skipped tests go to the file named here, a JSON line each, for the report at
 * the end of `./check`.
 */
export const SKIPS = 'CTR_TEST_SKIPS';

/** Why a test was skipped. */
export interface Skip {
  /** The whole path of its file. */
  file: string;
  /** Its name with those of its suites before it, as vitest's JSON report has it. */
  test: string;
  reason: string;
}

/** As much of vitest's task as names a test. */
export interface Named {
  name: string;
  file: { filepath: string };
  suite?: { name: string; suite?: Named['suite'] } | undefined;
}

/** A test's name with those of its suites, a blank between them. */
export function fullName({ name, suite }: Pick<Named, 'name' | 'suite'>): string {
  const names = [name];
  for (let outer = suite; outer; outer = outer.suite) names.unshift(outer.name);
  return names.filter(Boolean).join(' ');
}

export function recordSkip(task: Named, reason: string): void {
  const path = process.env[SKIPS];
  const skip: Skip = { file: task.file.filepath, test: fullName(task), reason };
  if (path) appendFileSync(path, `${JSON.stringify(skip)}\n`);
}
