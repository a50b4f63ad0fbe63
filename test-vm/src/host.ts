/** What the last `./check` found on the machine at hand, for the report's first column. */
import { join } from 'node:path';
import { type Run, readRun } from './results.ts';
import { top } from './tree.ts';

export function hostRun(): Run | undefined {
  const cache = join(top, '.cache/check');
  return readRun('host', join(cache, 'host.json'), join(cache, 'host-skips.jsonl'), top);
}
