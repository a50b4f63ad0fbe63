/** What the last `./check` found on the machine at hand, for the report's first column. */
import { join } from 'node:path';
import { type Run, readRun } from './results.ts';
import { top } from './tree.ts';

const cache = join(top, '.cache/check');
export const hostReport = join(cache, 'host.json');

export const hostRun = (): Run | undefined =>
  readRun('host', hostReport, join(cache, 'host-skips.jsonl'), top);
