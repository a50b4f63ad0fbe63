import { appendFileSync } from 'node:fs';

/**
 * Reasons of skipped tests go to the file named here, a JSON line each, for the report at
 * the end of `./check`.
 */
export const SKIPS = 'CTR_TEST_SKIPS';

export function recordSkip(test: string, reason: string): void {
  const path = process.env[SKIPS];
  if (path) appendFileSync(path, `${JSON.stringify({ test, reason })}\n`);
}
