/**
 * Which planner the tests in a machine use. Under emulation a start of Node takes more than twice
 * as long as one of the standalone planner, so root's tests, which are nearly all, use that, and
 * anybody's use the other: a machine shows both.
 */
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildStandalone } from '../../scripts/standalone.ts';
import { VmError } from './errors.ts';
import type { Machine } from './machine.ts';
import { apart, quote, STANDALONE, TREE, top } from './tree.ts';

export type Planner = 'standalone' | 'node';

/** Make the standalone planner of this tree, in a few seconds. Two runs at once make it twice. */
export async function makeStandalone(): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(top, 'packages/ctr-run/package.json'), 'utf8')) as {
    version: string;
  };
  const place = join(apart, STANDALONE);
  const fresh = `${apart}/planner-${process.pid}`;
  try {
    mkdirSync(dirname(place), { recursive: true });
    await buildStandalone(fresh, version);
    renameSync(fresh, place);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    throw new VmError(
      `making the standalone planner: ${(error as Error).message}; is ${apart} somebody else's?`,
    );
  } finally {
    for (const left of [fresh, `${fresh}.parts`]) rmSync(left, { recursive: true, force: true });
  }
}

/** Have the tools in a machine use this planner. */
export async function choosePlanner(machine: Pick<Machine, 'shell'>, planner: Planner): Promise<void> {
  const mode = planner === 'standalone' ? '755' : '644';
  await machine.shell('root', `chmod ${mode} ${quote(`${TREE}/${STANDALONE}`)}`);
}
