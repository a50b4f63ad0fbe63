/**
 * Where a run leaves its logs and reports: a directory of its own, so that two runs in one tree
 * do not take each other's, and `latest` leads to the one that began last.
 *
 *     .cache/vm/N-PID/    N: milliseconds since 1970, so that names are in order of beginning
 *     .cache/vm/latest
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectories } from '../../packages/cli/src/node.ts';
import { VmError } from './errors.ts';
import { top } from './tree.ts';

/** The environment variable that names another place for all of them. */
export const RESULTS = 'CTR_VM_RESULTS';

/** How many stay, beside those of runs that go on. */
const KEPT = 5;

/** Make the directory of this run; the oldest of those that have ended go. */
export function makeResults(all = process.env[RESULTS] || join(top, '.cache/vm')): string {
  const name = `${Date.now()}-${process.pid}`;
  const link = join(all, `.latest-${process.pid}`);
  try {
    makeDirectories(all, 0o755);
    const ended = readdirSync(all)
      .filter((one) => /^\d+-\d+$/.test(one) && !existsSync(`/proc/${one.split('-')[1]}`))
      .sort();
    for (const old of ended.slice(0, Math.max(0, ended.length - KEPT + 1)))
      rmSync(join(all, old), { recursive: true, force: true });
    mkdirSync(join(all, name));
    rmSync(link, { force: true });
    symlinkSync(name, link);
    renameSync(link, join(all, 'latest'));
  } catch (error) {
    throw new VmError(`making a directory for the results: ${(error as Error).message}; set ${RESULTS}`);
  }
  return join(all, name);
}
