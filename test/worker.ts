/**
 * Runs in each worker before each test file: the run's list of its processes gets this one, for
 * names that tests make hold it, and test/leftovers.ts looks for these; what a test started and
 * made goes with it; and without root only those tests against the kernel are run that are for
 * anybody.
 */
import { appendFileSync } from 'node:fs';
import { afterAll, afterEach, beforeEach } from 'vitest';
import { isForAnybody } from './anybody.ts';
import { WORKERS } from './leftovers.ts';
import { recordRetried } from './skips.ts';
import { between, needs } from './support.ts';

const path = process.env[WORKERS];
if (path) appendFileSync(path, `${process.pid}\n`);

between.fileBegins();
beforeEach((context) => {
  const file = context.task.file.filepath;
  if (/\.(host|vm)\.test\.ts$/.test(file) && !isForAnybody(file)) needs(context, 'root');
});
afterEach(between.testEnds);
afterEach(({ task }) => {
  const { retryCount = 0, errors = [] } = task.result ?? {};
  if (retryCount > 0) recordRetried(task, errors[0]?.message ?? 'it failed before');
});
afterAll(between.fileEnds);
