import { appendFileSync } from 'node:fs';

/**
 * What vitest's own report lacks goes to the file named here, a JSON line each, for the report at
 * the end of `./check`: why tests were skipped, which were tried again, and what they left over.
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

/** A test that passed only when it was tried again. */
export interface Retried {
  file: string;
  test: string;
  /** The first line of its first failure. */
  retried: string;
}

/** What tests made and did not take away: `mount /tmp/x`. */
export interface LeftOver {
  left: string;
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

const record = (line: Skip | Retried | LeftOver): void => {
  const path = process.env[SKIPS];
  if (path) appendFileSync(path, `${JSON.stringify(line)}\n`);
};

export const recordSkip = (task: Named, reason: string): void =>
  record({ file: task.file.filepath, test: fullName(task), reason });

export const recordRetried = (task: Named, why: string): void =>
  record({ file: task.file.filepath, test: fullName(task), retried: why.split('\n')[0]! });

export const recordLeftOver = (left: string): void => record({ left });
