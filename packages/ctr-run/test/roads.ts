/** A container's first process by either road: `run`, or `create` and `start`. */
import { readFileSync } from 'node:fs';
import { type Ended, run, tempDir } from '../../../test/support.ts';
import { testId } from './bundles.ts';

export type Road = 'run' | 'create and start';
export const roads: readonly Road[] = ['run', 'create and start'];

/** What it and the runtime print, and how the last of the calls ends that did not fail; it is gone afterwards. */
export function firstProcess(runtime: string, bundle: string, road: Road): Ended {
  const id = testId();
  if (road === 'run') return run(runtime, ['run', '--bundle', bundle, id]);
  const directory = tempDir('out');
  // Its own output would keep a pipe open.
  const line = `exec >${directory}/out 2>${directory}/err </dev/null; ${runtime} create --bundle ${bundle} ${id} && ${runtime} start ${id}`;
  const ended = run('/bin/sh', ['-c', line]);
  for (let i = 0; i < 200 && /"status": "running"/.test(run(runtime, ['state', id]).stdout); i++)
    run('sleep', ['0.02']);
  run(runtime, ['delete', '--force', id]);
  const [stdout, stderr] = ['out', 'err'].map((name) => readFileSync(`${directory}/${name}`, 'utf8'));
  return { ...ended, stdout: stdout!, stderr: stderr! };
}
